"""Parameters that belong to the tool, in any spelling: refused with what is set instead, before any host is touched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.patroni_dynamic import fixed_parameters, parameters
from cluster.declared.tuning import Resources
from cluster.inventory.clusters import declared_clusters
from cluster.parameters.owned import DANGERS, OWNED, absent_names, is_dangerous, name_problems, owned
from cluster.plans.configure import config_patch
from tests.cluster.preflight_hosts import host

ARCHIVE = ["archive_mode", "archive_command", "archive_library", "archive_timeout", "restore_command"]
ALWAYS = [
    *("listen_addresses", "port", "cluster_name", "data_directory", "config_file", "hba_file", "ident_file"),
    *("primary_conninfo", "primary_slot_name", "synchronous_standby_names", "hot_standby", "promote_trigger_file"),
    *("recovery_target", "recovery_target_time", "recovery_target_name", "recovery_target_xid", "recovery_target_lsn"),
    *("recovery_target_timeline", "recovery_target_action", "recovery_target_inclusive", "recovery_min_apply_delay"),
    *("ssl", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_crl_file", "ssl_passphrase_command"),
    *("password_encryption", "unix_socket_directories", "default_transaction_read_only", "external_pid_file"),
    *("log_directory", "logging_collector", "include", "include_dir", "include_if_exists"),
]


def found(repository: bool = True, **settings: Any) -> list[Any]:
    hosts = [host(f"pg{n}", cluster_address=f"10.0.0.{n}", **settings) for n in (1, 2, 3)]
    more = [host("b1", "backup", cluster_address="10.0.0.9", **settings)] if repository else []
    return list(dict.fromkeys(declared_clusters([*hosts, *more], {})[1]))


@pytest.mark.parametrize("name", [*ARCHIVE, *ALWAYS])
def test_what_is_ours_is_refused_with_its_reason_and_a_way_out(name: str) -> None:
    (finding,) = found(postgres_parameters={name: "x"})
    assert (finding.where, finding.what) == ("group_data/all.py", "postgres_parameters")
    assert finding.problem.startswith(f"{name} is not declared here: ") and finding.hint.endswith((".", "..."))


@pytest.mark.parametrize("name", ALWAYS)
def test_most_of_it_is_ours_without_backups_too(name: str) -> None:
    assert len(found(False, postgres_parameters={name: "x"})) == 1


@pytest.mark.parametrize("name", [*ARCHIVE, "archive_cleanup_command", "recovery_end_command"])
def test_without_a_repository_host_the_archive_is_the_user_s(name: str) -> None:
    value = {"archive_mode": "always", "archive_timeout": "1min"}.get(name, "x")
    assert found(False, postgres_parameters={name: value}) == []


def test_a_standby_cluster_reads_its_source_s_archive() -> None:
    source = [host("pg1", cluster_address="10.0.0.1"), host("b1", "backup", cluster_address="10.0.0.9")]
    given_to = {"cluster_name": "dr", "patroni_standby_of": "main", "postgres_parameters": {"restore_command": "x"}}
    standby = host("pg4", cluster_address="10.0.0.4", **given_to)
    problems = [finding.problem for finding in declared_clusters([*source, standby], {})[1]]
    assert [problem for problem in problems if "restore_command" in problem]


@given(st.sampled_from([*ARCHIVE, *ALWAYS]), st.data())
def test_no_spelling_of_a_name_slips_through(name: str, data: st.DataObject) -> None:
    spelling = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in name)
    assert owned(spelling, archives=True) is owned(name, archives=True) is not None
    assert (
        len(found(postgres_parameters={spelling: data.draw(st.sampled_from(["", 0, 1, True, False, 1.5, "x"]))})) == 1
    )


@given(st.text(max_size=3), st.sampled_from([*ARCHIVE, *ALWAYS]), st.text(max_size=3))
def test_a_name_with_anything_around_it_is_ours_or_no_name_or_another_one(before: str, name: str, after: str) -> None:
    text = before + name + after
    is_ours = owned(text, archives=True) is not None
    assert is_ours or list(name_problems({text: "x"})) or text.lower() != name


@pytest.mark.parametrize(
    "name", ["archive_command ", " ssl", "port\n", "a b", "", "x=1", "\u017fsl", "archive-mode", "x'"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    assert len(found(postgres_parameters={name: "x"})) == 1


def test_a_value_with_a_line_of_its_own_is_refused() -> None:
    (finding,) = found(postgres_parameters={"work_mem": "4MB'\narchive_mode = off\n#"})
    assert "holds the character" in finding.problem


def test_two_spellings_of_one_name_are_refused_and_one_of_them_is_taken() -> None:
    (finding,) = found(postgres_parameters={"Work_Mem": "4MB", "work_mem": "8MB"})
    assert "work_mem stands there twice" in finding.problem
    hosts = [host("pg1", cluster_address="10.0.0.1", postgres_parameters={"Work_Mem": "9MB"})]
    made = parameters(declared_clusters(hosts, {})[0]["main"], [Resources(4096, 4, 100_000)])
    assert made["work_mem"] == "9MB" and "Work_Mem" not in made


def test_another_spelling_in_the_configuration_makes_way() -> None:
    seen = {"parameters": {"Work_Mem": "1MB", "work_mem": "9MB", "other": 1}}
    assert config_patch({"parameters": {"work_mem": "9MB"}}, seen) == {"parameters": {"Work_Mem": None}}


# --- None ---


def test_none_takes_away_what_somebody_wrote_by_hand_but_nothing_that_is_needed() -> None:
    for name in ("archive_library", "recovery_target_time", "listen_addresses", "unix_socket_directories"):
        assert found(postgres_parameters={name: None}) == []
    for name in ("ssl", "ssl_key_file", "archive_mode", "archive_command", "password_encryption", "log_directory"):
        assert len(found(postgres_parameters={name: None})) == 1


def test_all_of_ours_that_the_configuration_holds_stays() -> None:
    """None of them may be taken away by a declared None."""
    ours = [name for name in fixed_parameters() if owned(name, archives=True)]
    assert ours and all(found(postgres_parameters={name: None}) for name in ours)


def test_the_configuration_takes_away_what_must_not_be_there() -> None:
    hosts = [host("pg1", cluster_address="10.0.0.1"), host("b1", "backup", cluster_address="10.0.0.9")]
    with_one, without = (declared_clusters(hosts[:count], {})[0]["main"] for count in (2, 1))
    made = parameters(with_one, [Resources(4096, 4, 100_000)])
    assert {name for name, value in made.items() if value is None} == set(absent_names(archives=True))
    assert made["archive_command"] is not None and "archive_library" in absent_names(archives=True)
    assert "archive_library" not in parameters(without, [Resources(4096, 4, 100_000)])


# --- What is dangerous ---


@pytest.mark.parametrize("value", ["off", "OFF", "of", False, "false", "0", 0, "no", "never heard of"])
@pytest.mark.parametrize("name", ["fsync", "FSYNC", "full_page_writes", "Full_Page_Writes"])
def test_what_may_lose_data_needs_a_word_that_says_so(name: str, value: Any) -> None:
    (finding,) = found(postgres_parameters={name: value})
    assert finding.problem.startswith(f"{name.lower()} {value!r} is dangerous: ")
    assert finding.hint == f"Take it out, or accept that: postgres_accepted_dangers = ['{name.lower()}']."
    accepted = [one.problem for one in found(postgres_parameters={name: value}, postgres_accepted_dangers=[name])]
    unread = [f"{name.lower()} 'never heard of' is neither on nor off"]
    assert accepted == (unread if value == "never heard of" else [])
    assert len(found(postgres_parameters={name: value}, postgres_accepted_dangers=["data_sync_retry"])) == 1


@pytest.mark.parametrize("value", ["on", "ON", True, "true", 1, "1", "yes", None])
def test_the_safe_value_of_it_needs_none(value: Any) -> None:
    assert found(postgres_parameters={"fsync": value, "full_page_writes": value}) == []


def test_old_protocols_are_dangerous_and_newer_ones_are_not() -> None:
    assert len(found(postgres_parameters={"ssl_min_protocol_version": "TLSv1"})) == 1
    assert found(postgres_parameters={"ssl_min_protocol_version": "TLSv1.3"}) == []


def test_only_what_is_dangerous_can_be_accepted() -> None:
    (finding,) = found(postgres_accepted_dangers=["fsnyc"])
    assert finding.problem.startswith("'fsnyc' is none of fsync, ")


def test_what_the_tool_sets_itself_is_never_dangerous() -> None:
    assert not [name for name, value in fixed_parameters().items() if is_dangerous(name, value)]
    assert not set(DANGERS) & set(OWNED)


def test_everything_else_is_the_user_s() -> None:
    free = {"work_mem": "8MB", "jit": False, "archive_x.y": 1, "huge_pages": "on", "wal_level": "logical"}
    free |= {"unix_socket_permissions": "0770", "log_destination": "stderr,jsonlog", "synchronous_commit": "off"}
    assert found(postgres_parameters=free) == []
