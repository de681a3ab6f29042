"""A look at hosts of which some are dead, half dead, or answer nonsense: gaps, and never an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gevent
import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_config, ctx_inventory, ctx_state

from cluster.checks.overview import Overview
from cluster.errors import ConfigError
from operations.live import overview
from operations.live.overview import Look, observed, print_check, print_status
from operations.util import session
from tests.cluster.overview_world import World, healthy
from tests.host_answers import questions_in, told
from tests.world.hosts import PREFIX, fake_cluster

CLOCK = "clock|1.0"
HAPROXY = "# pxname,svname,status,scur,check_status,last_chk,lastchg,addr"


PICTURE = [CLOCK, "architecture|x86_64", "room|/data|1000|2000|/", CLOCK]
ANSWERS = told(
    {"haproxy": (0, "", ""), "patroni": (124, "half", ""), "etcd": (1, "", "no etcdctl\n"), "x": (0, "", "")}
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overview]:
    """h1 answers, h2 hangs, h3 fails, h4 breaks off, h5 cannot be reached."""
    cluster = fake_cluster(5, roles=("postgres", "etcd", "haproxy"))

    def run_shell_command(self: Any, command: Any, *_: Any, **__: Any) -> tuple[bool, CommandOutput]:
        name = self.host.name.removeprefix(PREFIX)
        if name == "h2":
            gevent.sleep(60)
        if name == "h4":
            raise OSError("Connection reset by peer")
        lines = ANSWERS if questions_in(command.get_raw_value()) else PICTURE
        return name != "h3", CommandOutput([OutputLine("stdout", text) for text in lines])

    monkeypatch.setattr(FakeConnector, "run_shell_command", run_shell_command)
    monkeypatch.setattr(overview, "LOOK_SECONDS", 1)
    inventory = Inventory(([f"{PREFIX}{node.name}" for node in cluster], {}))
    state = State(inventory, Config(FAIL_PERCENT=0), check_for_changes=False)
    with ExitStack() as stack:
        contexts = ((ctx_state, state), (ctx_inventory, inventory), (ctx_config, state.config))
        for context, value in contexts:
            stack.enter_context(context.use(value))
        connect_all(state)
        unreachable = inventory.get_host(f"{PREFIX}h5")
        unreachable.connected = False
        state.failed_hosts.add(unreachable)
        (found,) = observed([Look(cluster, {}, Path("/nonexistent/ca.crt"), Path("/nonexistent/etcd-ca.crt"))])
        assert state.failed_hosts == {unreachable}, "a look fails no host"
        yield found


def test_a_host_that_hangs_fails_or_breaks_off_is_a_gap(seen: Overview) -> None:
    assert [node.name for node in seen.cluster if seen.is_reached(node)] == ["h1"]
    assert {name: seen.answers[name] for name in ("h2", "h3", "h4", "h5")} == dict.fromkeys(("h2", "h3", "h4", "h5"))


def test_a_question_without_an_answer_is_no_empty_answer(seen: Overview) -> None:
    assert seen.silences["h1"]["patroni"] == "nothing within 20 s"
    assert seen.silences["h1"]["etcd"] == "no etcdctl"
    assert seen.silences["h1"]["postgres"] == "it was not answered"
    assert set(seen.answers["h1"] or {}) == {"picture", "haproxy"}
    assert seen.has_answer(seen.cluster.node("h1"), "haproxy"), "HAProxy is down, which is an answer"


def test_what_this_machine_does_not_have_is_not_compared(seen: Overview) -> None:
    assert seen.trust is None and seen.etcd_trust is None
    _, _, etcd, snapshots, patroni, _, haproxy, *_ = listed = seen.components["h1"]
    assert etcd.files and snapshots.files and not patroni.files and not haproxy.files
    units = [unit.name for one in listed for unit in one.units]
    assert units == ["chrony", "etcd", "etcd-snapshot.timer", "patroni", "postgres-logs.timer", "haproxy"]


# --- What is printed, and how the run ends ---


def printed(capsys: Any, act: Any, *worlds: World) -> tuple[int, str]:
    code = act([world.overview() for world in worlds])
    return code, capsys.readouterr().out


def test_a_check_fails_only_when_something_is_found(capsys: Any) -> None:
    broken = healthy()
    broken.kill("h3")
    assert printed(capsys, print_check, healthy()) == (0, printed(capsys, print_check, healthy())[1])
    assert printed(capsys, print_check, healthy(), broken)[0] == 1
    assert printed(capsys, print_status, broken)[0] == 0


def test_json_is_one_document_and_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.argv", ["pyinfra", "--json", "inventory.py", "deploys/check.py"])
    broken = healthy()
    broken.kill("h3")
    code, said = printed(capsys, print_check, broken)
    document = json.loads(said)
    assert code == 1
    assert {one["kind"] for one in document["clusters"]["main"]["findings"]} == {"host-silent", "etcd-one-left"}


def test_a_plugin_prints_one_line_unless_json_is_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    broken = healthy()
    broken.kill("h3")
    code, said = printed(capsys, lambda seen: print_check(seen, "nagios"), healthy(), broken)
    assert (code, said.count("\n"), said.startswith("PATRONI CRITICAL - main: ")) == (2, 1, True)
    monkeypatch.setattr("sys.argv", ["pyinfra", "--json", "inventory.py", "deploys/check.py"])
    code, said = printed(capsys, lambda seen: print_check(seen, "nagios"), broken)
    assert (code, set(json.loads(said))) == (1, {"clusters"})


def test_a_run_with_other_deploy_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pyinfra", "inventory.py", "deploys/cluster.py", "deploys/check.py"])
    with pytest.raises(ConfigError, match=r"^check.py looks at the hosts before deploys/cluster.py is done\nHINT: "):
        session.refuse_other_deploys("check.py")
    monkeypatch.setattr("sys.argv", ["pyinfra", "-y", "inventory.py", "deploys/check.py"])
    session.refuse_other_deploys("check.py")


def test_the_run_ends_with_the_code() -> None:
    with pytest.raises(SystemExit) as ended:
        session.end_run(1)
    assert ended.value.code == 1
