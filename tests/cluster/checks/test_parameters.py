"""Parameters that belong to the tool and run with another value: named, whoever set them, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.checks.report import all_findings
from cluster.components.pgbackrest import ARCHIVE_COMMAND, RESTORE_COMMAND
from tests.cluster.overview_world import World, backed_up, healthy

AUTO = "/var/lib/postgresql/17/main/postgresql.auto.conf"
CONF = "/var/lib/postgresql/17/main/postgresql.conf"


def running(text: str, source: str = CONF, kind: str = "string", default: str = "") -> dict[str, Any]:
    return {"setting": text, "unit": None, "type": kind, "shown": text, "default": default, "source": source}


def found(world: World, **parameters: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Of h1, running so. + parameters: as ``running`` makes them"""
    world.answers["h1"]["postgres"]["configured"] = parameters
    return [(one.kind, one.finding.where, one.finding.problem) for one in all_findings(world.overview())]


def test_what_runs_as_ours_is_well() -> None:
    ours = {"archive_command": running(ARCHIVE_COMMAND), "ssl": running("on", kind="bool"), "work_mem": running("4096")}
    target = {"recovery_target_timeline": running("latest"), "recovery_target": running(""), "port": running("5432")}
    assert found(backed_up(), **ours, **target, restore_command=running(RESTORE_COMMAND)) == []


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("archive_command", "/bin/true", "string"),
        ("archive_mode", "always", "enum"),
        ("archive_timeout", "0", "integer"),
        ("restore_command", "cp /x/%f %p", "string"),
        ("ssl", "off", "bool"),
        ("ssl_key_file", "/tmp/key", "string"),
        ("password_encryption", "md5", "enum"),
    ],
)
@pytest.mark.parametrize("source", [AUTO, CONF, "command line"])
def test_another_value_than_ours_is_an_alarm_whoever_set_it(name: str, value: str, kind: str, source: str) -> None:
    ((found_kind, where, problem),) = found(backed_up(), **{name: running(value, source, kind)})
    assert (found_kind, where) == ("parameter-overridden", "h1")
    assert problem.startswith(f"{name} runs with '{value}' from {source}; ours is '")


@pytest.mark.parametrize("name", ["archive_library", "recovery_target_time", "archive_cleanup_command"])
def test_what_must_not_be_set_at_all_is_named(name: str) -> None:
    ((kind, _, problem),) = found(backed_up(), **{name: running("x")})
    assert kind == "parameter-overridden" and "it is not to be set" in problem
    assert found(backed_up(), **{name: running("")}) == []


def test_nobody_may_write_is_named() -> None:
    ((kind, _, _),) = found(healthy(), default_transaction_read_only=running("on", AUTO, "bool", "off"))
    assert kind == "parameter-overridden"
    assert found(healthy(), default_transaction_read_only=running("off", AUTO, "bool", "off")) == []


def test_without_a_repository_the_archive_is_the_user_s() -> None:
    assert found(healthy(), archive_command=running("/usr/local/bin/mine %p"), archive_library=running("x")) == []


def test_what_alter_system_set_is_named_once_also_before_it_is_active() -> None:
    world = backed_up()
    world.answers["h1"]["postgres"]["altered"] = {"archive_command": "/bin/true", "work_mem": "8MB"}
    seen = found(world, archive_command=running("/bin/true", AUTO))
    assert [kind for kind, _, _ in seen] == ["parameter-overridden", "altered"]
    seen = found(world, archive_command=running(ARCHIVE_COMMAND))
    assert [problem for kind, _, problem in seen if kind == "parameter-overridden"] == [
        "archive_command = /bin/true is set in postgresql.auto.conf; "
        f"ours is '{ARCHIVE_COMMAND}': all WAL goes to the declared repository host"
    ]


def test_danger_is_an_alarm_until_it_is_declared_and_a_remark_then() -> None:
    off = running("off", CONF, "bool", "on")
    assert [kind for kind, _, _ in found(healthy(), fsync=off)] == ["parameter-overridden"]
    declared = {"postgres_parameters": {"fsync": "off"}, "postgres_accepted_dangers": ["fsync"]}
    kinds = [kind for kind, _, _ in found(healthy(**declared), fsync=off)]
    assert "danger-accepted" in kinds and "parameter-overridden" not in kinds
    assert found(healthy(), fsync=running("on", kind="bool"), full_page_writes=running("on", kind="bool")) == []
