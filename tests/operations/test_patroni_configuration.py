"""The dynamic configuration and the roles: brought to what is declared by one host, once, and through the leader."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pyinfra.api import Host

from cluster.components.pg_hba import hba_lines
from cluster.declared.model import Cluster
from cluster.errors import ConfigError, UnsafeError
from cluster.inventory import clusters
from cluster.secrets.secrets import NAMES, Secret
from cluster.verdicts.removal_notes import remaining
from facts.postgres import FileErrors, PostgresCatalog, PostgresObjects, SettingsAwaited
from facts.postgres.altered import PostgresAltered
from facts.postgres.databases import PostgresStatistics
from facts.postgres.logins import ReplicationLogins
from operations import patroni_configuration, postgres
from operations.acts.altered_settings import altered_corrected
from operations.live import awaited
from tests.world import patroni_world
from tests.world.hosts import changed, fake_cluster, run_operation
from tests.world.known import Act, Question
from tests.world.patroni_world import UNMARKED, PatroniWorld
from tests.world.world import FailsError, Lines, answer

SECRETS = {name: Secret(f"Value-of-{name}") for name in NAMES}


def test_nothing_is_sent_where_it_is_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    assert changed(run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)) == []
    assert world.patches == []


def test_one_host_sends_only_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster())
    declared = fake_cluster(patroni_ttl=45, postgres_parameters={"work_mem": "64MB"})
    assert changed(run_operation(monkeypatch, world, declared, patroni_configuration.configuration)) == ["h1"]
    assert world.patches == [("h1", {"ttl": 45, "postgresql": {"parameters": {"work_mem": "64MB"}}})]


def test_what_somebody_set_by_hand_stays_and_a_declared_none_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    assert world.config is not None
    world.config["pause"] = True
    world.config["postgresql"]["parameters"]["seq_page_cost"] = 1.5
    run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)
    assert world.patches == []
    declared = fake_cluster(postgres_parameters={"seq_page_cost": None})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert world.patches == [("h1", {"postgresql": {"parameters": {"seq_page_cost": None}}})]


def test_a_configuration_that_cannot_be_read_is_not_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    world.config = None
    with pytest.raises(UnsafeError, match=r"^Patroni's configuration cannot be read: "):
        run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)
    assert world.patches == []


def test_a_new_member_is_let_in_before_it_knocks(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster())
    assert changed(run_operation(monkeypatch, world, fake_cluster(5), patroni_configuration.allow_new_members)) == [
        "h1"
    ]
    ((_, patch),) = world.patches
    assert list(patch["postgresql"]) == ["pg_hba"]
    line = "hostssl replication replicator 10.0.0.4/32 scram-sha-256 clientcert=verify-full"
    assert line in patch["postgresql"]["pg_hba"]


def former_world(cluster: Cluster) -> PatroniWorld:
    """A cluster whose members were let in by password alone."""
    world = PatroniWorld.of(cluster)
    assert world.config is not None
    world.config["postgresql"]["pg_hba"] = hba_lines(cluster, cluster.members)
    return world


def test_who_has_no_certificate_yet_is_not_shut_out_before_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = former_world(cluster)
    assert changed(run_operation(monkeypatch, world, cluster, patroni_configuration.allow_new_members)) == []
    assert world.patches == []


@pytest.mark.parametrize(("late", "names"), [([], set()), (["10.0.0.2"], {"h2"})])
def test_certificates_are_asked_for_when_members_come_with_them(
    monkeypatch: pytest.MonkeyPatch, said: list[str], late: list[str], names: set[str]
) -> None:
    cluster = fake_cluster()
    world = former_world(cluster)
    world.by_password = late
    run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)
    left = [node for node in cluster.members if node.name in names]
    assert world.patches == [("h1", {"postgresql": {"pg_hba": hba_lines(cluster, left)}})]
    named = [line for line in said if "by password alone" in line]
    assert named == [f"let in by password alone until a run has been there: {name}" for name in names]


def test_a_cluster_that_asks_for_them_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    world.by_password = ["10.0.0.2"]
    assert changed(run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)) == []


def test_nobody_has_to_be_let_in_where_all_are_and_where_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster())
    assert changed(run_operation(monkeypatch, world, fake_cluster(), patroni_configuration.allow_new_members)) == []
    world.config = None
    assert changed(run_operation(monkeypatch, world, fake_cluster(), patroni_configuration.allow_new_members)) == []
    assert world.patches == []


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the operation says."""
    lines: list[str] = []
    monkeypatch.setattr(Host, "log", lambda _, text, *__, **___: lines.append(text))
    return lines


def test_says_what_is_active_at_once_and_what_waits_for_a_restart(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"max_connections": 200}))
    parameters = {"max_connections": 300, "work_mem": "7MB", "log_min_duration_statement": "2s", "x.y": 1}
    declared = fake_cluster(patroni_ttl=45, postgres_parameters=parameters)
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert said[0].startswith("changes ttl, ")
    assert [line for line in said[1:] if "max_connections" in line or "log_min" in line or "x.y" in line] == [
        "max_connections 200 -> 300 after a restart of PostgreSQL",
        "log_min_duration_statement 1000 -> 2s at once",
        "x.y (unset) -> 1 at once",
    ]
    assert said[-1] == "restart in the right order with: pyinfra inventory.py deploys/restart_pending.py"


def test_nothing_is_said_about_a_restart_that_nothing_waits_for(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"work_mem": "8MB"}))
    declared = fake_cluster(postgres_parameters={"work_mem": "7MB"})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert said == ["changes work_mem", "work_mem 8MB -> 7MB at once"]


def test_waits_on_every_member_for_what_needs_no_restart_and_only_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"work_mem": "8MB", "log_statement": "all"}))
    parameters = {"work_mem": "7MB", "log_statement": None, "max_locks_per_transaction": 128}
    declared = fake_cluster(postgres_parameters=parameters)
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert sorted(name for name, _ in world.awaited) == ["h1", "h2", "h3"]
    assert all("work_mem" in wanted and not any("max_locks" in one for one in wanted) for _, wanted in world.awaited)
    assert all("log_statement" not in wanted for _, wanted in world.awaited)


def test_a_member_that_does_not_take_a_value_is_named(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"work_mem": "8MB"}))
    world.lacks = {"h2": ["work_mem"]}
    declared = fake_cluster(postgres_parameters={"work_mem": "7MB"})
    assert changed(run_operation(monkeypatch, world, declared, patroni_configuration.configuration)) == ["h1"]
    assert said[-1] == "h2 does not have work_mem yet; something there may override the configuration"
    assert sum("does not have" in line for line in said) == 1


def test_waits_until_no_member_lets_in_who_was_taken_out(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    world = PatroniWorld.of(fake_cluster(5))
    world.late = ("h2",)
    run_operation(monkeypatch, world, fake_cluster(3), patroni_configuration.configuration)
    assert sorted(world.hba_awaited) == ["h1", "h2", "h3"]
    assert [line for line in said if "pg_hba yet" in line] == ["h2 does not have the new pg_hba yet"]


HBA_ERROR = {"file": "pg_hba.conf", "line": 14, "name": None, "error": "invalid CIDR mask"}
VALUE_ERROR = {"file": "postgresql.conf", "line": 7, "name": "work_mem", "error": "setting could not be applied"}


def test_what_postgresql_would_not_take_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"work_mem": "8MB"}))
    assert world.config is not None
    before = world.config["postgresql"]["pg_hba"]
    world.unread = {"h2": [HBA_ERROR, VALUE_ERROR]}
    lines = ["hostssl all all 10.9.0.0/16 scram-sha-256"]
    declared = fake_cluster(
        postgres_hba=lines, postgres_parameters={"work_mem": "7MB", "log_min_duration_statement": "2s"}
    )
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert [patch for _, patch in world.patches][1:] == [
        {"postgresql": {"pg_hba": before, "parameters": {"work_mem": "8MB"}}}
    ]
    assert str(refused.value) == (
        "PostgreSQL would not start with what is in its files now:\n"
        "  h2: pg_hba.conf, line 14: invalid CIDR mask\n"
        "  h2: postgresql.conf, line 7: work_mem: setting could not be applied\n"
        "HINT: correct what is declared and run again; the old pg_hba, work_mem is back in the configuration; "
        "restart nothing before."
    )


def test_a_pg_hba_that_is_not_taken_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster())
    assert world.config is not None
    before = world.config["postgresql"]["pg_hba"]
    world.unread = {"h1": [HBA_ERROR]}
    with pytest.raises(UnsafeError, match=r"h1: pg_hba\.conf, line 14: invalid CIDR mask"):
        run_operation(monkeypatch, world, fake_cluster(5), patroni_configuration.allow_new_members)
    assert [patch for _, patch in world.patches][1:] == [{"postgresql": {"pg_hba": before}}]


def test_a_file_that_somebody_broke_by_hand_is_named_and_nothing_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"work_mem": "8MB"}))
    world.unread = {"h3": [HBA_ERROR]}
    declared = fake_cluster(postgres_parameters={"work_mem": "7MB"})
    with pytest.raises(UnsafeError, match="HINT: correct the file on that host and run again; restart nothing before"):
        run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert len(world.patches) == 1


@pytest.fixture
def undeclared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the running PostgreSQL knows, e.g. of another minor version: the declaration takes all parameters."""
    monkeypatch.setattr(clusters, "declared_value_findings", lambda _: [])


@pytest.mark.usefixtures("undeclared")
def test_all_findings_refuse_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster())
    parameters = {"max_conections": 300, "work_mem": "7XB", "shared_buffers": "1kB"}
    monkeypatch.setattr(patroni_configuration, "origin_of", lambda _: "group_data/all.py")
    with pytest.raises(ConfigError) as refused:
        run_operation(
            monkeypatch, world, fake_cluster(postgres_parameters=parameters), patroni_configuration.configuration
        )
    text = " ".join(str(refused.value).split())
    assert text.startswith("3 findings, nothing was changed group_data/all.py postgres_parameters ")
    assert "max_conections 300 is no parameter of this PostgreSQL HINT: Did you mean max_connections?" in text
    assert "work_mem '7XB' has the unit XB; it takes B, kB, MB, GB, TB" in text
    assert "shared_buffers '1kB' is below 16 (8kB)" in text
    assert (world.patches, world.awaited) == ([], [])


@pytest.mark.parametrize(
    ("standbys", "words"),
    [
        (["h2", "h3"], "synchronous: h2, h3"),
        ([], "no standby is synchronous after 30 s; see check.py"),
    ],
)
def test_a_synchronous_mode_is_waited_for_and_its_standbys_are_named(
    monkeypatch: pytest.MonkeyPatch, said: list[str], standbys: list[str], words: str
) -> None:
    world = PatroniWorld.of(fake_cluster())
    world.marks = {name: {**UNMARKED, "synchronous": True} for name in standbys}
    declared = fake_cluster(patroni_synchronous_mode="quorum")
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    sent = {"synchronous_mode": "quorum", "synchronous_mode_strict": False, "synchronous_node_count": 1}
    assert world.patches == [("h1", sent)]
    assert said[-1] == words


@pytest.mark.parametrize(("gone", "warns"), [({"h3"}, True), (set(), False)])
def test_strict_with_a_single_standby_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, said: list[str], gone: set[str], warns: bool
) -> None:
    world = PatroniWorld.of(remaining(fake_cluster(), gone))
    strict = fake_cluster(patroni_synchronous_mode="on", patroni_synchronous_mode_strict=True)
    run_operation(monkeypatch, world, remaining(strict, gone), patroni_configuration.configuration)
    assert said[-1].startswith("strict, with one standby that may be synchronous: ") is warns


def test_the_end_of_a_synchronous_mode_takes_its_settings_away(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = PatroniWorld.of(fake_cluster(patroni_synchronous_mode="on"))
    run_operation(monkeypatch, world, fake_cluster(), patroni_configuration.configuration)
    names = ("synchronous_mode", "synchronous_mode_strict", "synchronous_node_count")
    assert world.patches == [("h1", dict.fromkeys(names))]
    assert said[-1] == "commits wait for no standby"


def test_what_nobody_declares_is_named_and_left(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    assert world.config is not None
    world.config["postgresql"]["parameters"]["seq_page_cost"] = 1.5
    run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)
    assert said == ["left alone, though they are not declared: seq_page_cost"]


def test_roles_are_made_on_whoever_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster(postgres_databases=[{"name": "app"}])
    world = PatroniWorld.of(cluster)
    world.leader = world.names[2]
    assert changed(run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS)) == ["h1"]
    ((host, script),) = world.scripts
    assert host == "h3"
    assert script.splitlines()[0] == 'create role "admin";'
    assert script.splitlines()[-1] == 'create database "app" owner "admin";'


def test_no_password_is_in_a_command_or_a_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS)
    everything = "".join([*world.commands, *(script for _, script in world.scripts)])
    assert str(SECRETS["PATRONI_ADMIN_PASSWORD"]) not in everything


def test_what_pgbouncer_needs_is_made_beside_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(cluster := fake_cluster(pgbouncer_on="members"))
    run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS)
    ((host, script),) = world.scripts
    assert host == "h1" and "create role pgbouncer_auth;" in script and "grant execute on function" in script
    assert str(SECRETS["PGBOUNCER_PASSWORD"]) not in "".join([*world.commands, script])


NOTHING = {"createdb": False, "createrole": False, "superuser": False, "monitor": False, "salt": None}


@pytest.mark.parametrize(("on", "taken"), [("none", ["h1"]), ("members", [])])
def test_it_is_taken_back_where_no_pools_are_declared_any_more(
    monkeypatch: pytest.MonkeyPatch, on: str, taken: list[str]
) -> None:
    world = PatroniWorld.of(cluster := fake_cluster(pgbouncer_on=on))
    role = {**NOTHING, "login": True, "verifier_sha256": None}
    world.objects |= {"lookup": {"owner": "pgbouncer_lookup"}}
    world.objects["roles"] = {"pgbouncer_auth": role, "pgbouncer_lookup": {**role, "login": False}}
    assert changed(run_operation(monkeypatch, world, cluster, postgres.roles_removed)) == taken
    assert [script.splitlines()[0] for _, script in world.scripts] == [
        "drop function pgbouncer.user_lookup(text);"
    ] * len(taken)


def test_nothing_of_it_is_looked_for_where_there_never_was_any(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(cluster := fake_cluster())
    assert changed(run_operation(monkeypatch, world, cluster, postgres.roles_removed)) == []


def test_another_password_of_the_admin_role_is_replaced_by_a_run_that_is_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    known = {"login": True, "createdb": True, "createrole": True, "superuser": False, "monitor": True}
    world.objects["roles"] = {"admin": {**known, "salt": "2:c2FsdA==", "verifier_sha256": "another"}}
    with pytest.raises(UnsafeError, match=r"^the role admin has another password than PATRONI_ADMIN_PASSWORD\nHINT: "):
        run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS)
    assert world.scripts == []
    run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS, renews=True)
    assert [script.startswith('alter role "admin" password') for _, script in world.scripts] == [True]


def test_nothing_is_done_without_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    world.leader = None
    with pytest.raises(UnsafeError, match=r"^cluster main has no leader\n"):
        run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS)
    assert world.scripts == []


def test_a_leader_that_was_demoted_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    world.objects["in_recovery"] = True
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS)
    assert str(refused.value) == ("h1 no longer leads\nHINT: run again; the leader moved while this run looked.")
    assert world.scripts == []


def test_an_owner_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster(postgres_databases=[{"name": "crm", "owner": "crm_owner"}])
    world = PatroniWorld.of(cluster)
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, cluster, postgres.objects, secrets=SECRETS)
    assert str(refused.value) == (
        "postgres_databases: the owner crm_owner does not exist\nHINT: create the role as admin, "
        "or leave the owner out to give the database to that role."
    )
    assert world.scripts == []


def test_a_correction_reaches_an_unfinished_restore(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    """One Patroni runs, and its PostgreSQL does not start: what it is to start with is sent to it, unjudged."""
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"huge_pages": "on"}))
    world.silent, world.leader = ("h1", "h3"), None
    world.marks = {name: {**UNMARKED, "running": False, "state": "start failed"} for name in world.names}
    run_operation(monkeypatch, world, fake_cluster(postgres_parameters={"huge_pages": "try"}),
                  patroni_configuration.configuration)  # fmt: skip
    assert world.patches == [("h2", {"postgresql": {"parameters": {"huge_pages": "try"}}})]
    assert world.awaited == [] and world.hba_awaited == [], "nobody is waited for who cannot come"
    assert "no PostgreSQL runs that could judge it: it starts with this, or says why not" in said


@pytest.mark.usefixtures("undeclared")
def test_another_member_judges_where_the_own_one_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PatroniWorld.of(fake_cluster())
    world.marks = {"h1": {**UNMARKED, "running": False}}
    world.leader = "h2"
    with pytest.raises(ConfigError, match="is no parameter of this PostgreSQL"):
        run_operation(monkeypatch, world, fake_cluster(postgres_parameters={"max_conections": 1}),
                      patroni_configuration.configuration)  # fmt: skip
    assert world.patches == []


# --- Statistics of statements ---


@pytest.mark.parametrize(
    ("loaded", "created", "by"), [(True, False, ["h1"]), (True, True, []), (False, False, []), (False, True, [])]
)
def test_what_counts_statements_can_be_read(
    monkeypatch: pytest.MonkeyPatch, loaded: bool, created: bool, by: list[str]
) -> None:
    world = PatroniWorld.of(fake_cluster())
    world.objects = {"in_recovery": False, "loaded": loaded, "created": created}
    assert changed(run_operation(monkeypatch, world, fake_cluster(), postgres.statistics)) == by
    assert [text for _, text in world.scripts] == ["create extension if not exists pg_stat_statements;\n"] * len(by)


# --- Settings of standbys ---


def test_a_leader_is_not_asked_for_what_standbys_alone_have(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"context": "sighup", "type": "string", "unit": None, "setting": "", "least": None, "most": None}
    monkeypatch.setattr(patroni_world, "CATALOG", {**patroni_world.CATALOG, "restore_command": {**known, "words": []}})
    world = PatroniWorld.of(fake_cluster())
    declared = fake_cluster(postgres_parameters={"restore_command": "cp /x/%f %p"})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert sorted(name for name, _ in world.awaited) == ["h2", "h3"]


def test_of_a_member_that_is_away_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"work_mem": "8MB"}))
    answers = {"h1": [], "h2": None, "h3": []}
    monkeypatch.setattr(awaited, "read_each", lambda asked: {name: answers[name] for name in asked})
    declared = fake_cluster(postgres_parameters={"work_mem": "7MB"})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert said[-1] == "h2 cannot be reached: it is unknown what it runs with"


def test_what_an_earlier_build_left_there_stops_no_other_change(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = PatroniWorld.of(fake_cluster(postgres_parameters={"work_mem": "8MB"}))
    assert world.config is not None
    world.config["postgresql"]["parameters"].update(max_conections=300, wal_buffers="7XB", TimeZone="Mars")
    declared = fake_cluster(postgres_parameters={"work_mem": "7MB", "max_conections": None})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    sent = {"postgresql": {"parameters": {"work_mem": "7MB", "max_conections": None}}}
    assert [patch for _, patch in world.patches] == [sent]
    assert said[-1] == "left alone, though they are not declared: TimeZone, wal_buffers"


# --- Where PostgreSQL does not run ---


SQL = (FileErrors, PostgresCatalog, PostgresObjects, PostgresStatistics, ReplicationLogins, SettingsAwaited)


class Down(PatroniWorld):
    """There is no leader until a PATCH came; SQL asked of a member that is down fails, as psql does."""

    down: tuple[str, ...] = ()
    fixes: bool = True

    def asked(self, host: str, question: Question) -> Lines:
        """See World."""
        if question.fact in SQL and host in self.down:
            raise FailsError("psql: error: connection refused")
        return super().asked(host, question)

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        done = super().obeyed(word, host, act)
        if self.patches and self.fixes:
            self.leader, self.down = "h1", ()
        return done

    def _settled(self) -> bool:
        return self.leader is not None

    def _member(self, name: str) -> dict[str, Any]:
        fails = {"state": "start failed", "running": False, "streaming": False} if name in self.down else {}
        return super()._member(name) | fails


def leaderless(**declared: Any) -> Down:
    """A cluster with this configuration, with which none of its members starts."""
    known = PatroniWorld.of(fake_cluster(**declared))
    world = Down(known.names, known.config, None)
    world.down = tuple(known.names)
    return world


MEMORY = "could not map anonymous shared memory: Cannot allocate memory"


def test_with_no_leader_the_difference_goes_to_patroni_and_the_leader_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = leaderless(postgres_parameters={"huge_pages": "on"})
    declared = fake_cluster(postgres_parameters={"huge_pages": "try"})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert world.patches == [("h1", {"postgresql": {"parameters": {"huge_pages": "try"}}})]
    assert said[-1] == "h1 leads with it"


def test_one_that_does_not_start_with_the_new_values_either_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaited, "LEAD_SECONDS", -1)
    world = leaderless(postgres_parameters={"huge_pages": "on"})
    world.fixes, world.fatal = False, {"h2": MEMORY}
    declared = fake_cluster(postgres_parameters={"huge_pages": "on", "work_mem": "7MB"})
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert str(refused.value).startswith(
        f"main has no leader with the new configuration either; h2's PostgreSQL ended with: {MEMORY}\n"
        "HINT: the last lines of h2 stand above; when a parameter is the cause, declare another value"
    )


def test_a_standby_that_is_down_is_not_asked_for_sql_and_named(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    known = PatroniWorld.of(fake_cluster())
    world = Down(known.names, known.config, known.leader)
    world.down, world.fixes = ("h3",), False
    declared = fake_cluster(postgres_parameters={"log_min_duration_statement": "2s"})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert len(world.patches) == 1
    assert "PostgreSQL of h3 does not run, and gets it when it starts" in said
    assert [host for host, _ in world.awaited] == ["h1", "h2"]


class Altered(Down):
    """One member's file has what ALTER SYSTEM put there; what is taken out of it is noted."""

    acts: ClassVar = {**Down.acts, "take out": altered_corrected}
    taken: dict[str, str] = {}

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word != "take out":
            return super().obeyed(word, host, act)
        self.taken[host] = act.text
        self.leader, self.down = "h1", ()
        return None

    @answer(PostgresAltered)
    def _altered(self, host: str, **_: Any) -> Lines:
        lines = ["# Do not edit", "shared_buffers = '900GB'", "lock_timeout = '1'", "restore_command = 'pgbackrest'"]
        return lines if host == "h2" else []


def test_what_alter_system_set_is_taken_out_of_the_files_where_sql_cannot_do_it(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    declared = fake_cluster(postgres_parameters={"shared_buffers": "128MB"})
    known = PatroniWorld.of(declared)
    world = Altered(known.names, known.config, None)
    world.down, world.taken = tuple(known.names), {}
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert world.patches == []
    assert list(world.taken) == ["h2"] and "runs ||" in world.taken["h2"]
    assert "(shared_buffers)" in world.taken["h2"] and "restore_command" not in world.taken["h2"]
    assert "h2: takes shared_buffers out of postgresql.auto.conf, where ALTER SYSTEM put it" in said
    assert "h2: postgresql.auto.conf sets lock_timeout, which is not declared; declared, it is removed there" in said
    assert "h1 leads with it" in said
