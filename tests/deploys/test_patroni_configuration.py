"""The dynamic configuration and the roles: brought to what is declared by one host, once, and through the leader."""

from __future__ import annotations

import pytest

from cluster.errors import UnsafeError
from cluster.secrets import NAMES, Secret
from operations import patroni_configuration, postgres
from tests.deploys.fake_hosts import changed, fake_cluster, run_operation
from tests.deploys.patroni_world import PatroniWorld

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
    world.config["postgresql"]["parameters"]["log_min_duration_statement"] = "1s"
    run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)
    assert world.patches == []
    declared = fake_cluster(postgres_parameters={"log_min_duration_statement": None})
    run_operation(monkeypatch, world, declared, patroni_configuration.configuration)
    assert world.patches == [("h1", {"postgresql": {"parameters": {"log_min_duration_statement": None}}})]


def test_a_configuration_that_cannot_be_read_is_not_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = PatroniWorld.of(cluster)
    world.config = None
    with pytest.raises(UnsafeError, match=r"^Patroni's configuration cannot be read: "):
        run_operation(monkeypatch, world, cluster, patroni_configuration.configuration)
    assert world.patches == []


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
