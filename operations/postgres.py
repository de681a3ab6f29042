"""Roles and databases, created on the current leader."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.declared.model import Cluster, Node
from cluster.declared.monitoring import is_measured
from cluster.declared.pgbouncer import is_looked_up
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenObjects
from cluster.secrets.secrets import Secret
from cluster.verdicts.databases import (
    admin_statements,
    database_statements,
    missing_owners,
    refuse_another_password,
    script,
)
from cluster.verdicts.monitoring import measuring_statements, unmeasured_statements
from cluster.verdicts.pgbouncer import lookup_statements, removal_statements
from cluster.verdicts.slots import dropped_slots
from facts.patroni import ANSWER_SECONDS, PatroniCluster
from facts.postgres import PSQL, PostgresObjects
from facts.postgres.databases import PostgresStatistics
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.util.first_look import looks_again
from operations.util.hosts import acts_for, acts_here
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read
from operations.util.said import said


@operation()
@looks_again
def objects(cluster: Cluster, secrets: Mapping[str, Secret], *, renews: bool = False) -> Commands:
    """
    The admin role and the declared databases, what PgBouncer needs to look up roles, and the exporters' role. Nothing
    is dropped here, and no other role is touched.

    Refuses a database whose declared owner does not exist, and another password than the admin role has.

    + renews: this run may give the admin role another password
    """
    if not acts_here(cluster.members):
        return
    if cluster.source is not None:
        host.noop(f"roles and databases are those of {cluster.source.name}")
        return
    if dry_run() and said(PatroniCluster)["leader"] is None:
        yield from decide_later("roles and databases")
        return
    patroni = said(PatroniCluster, wait_seconds=ANSWER_SECONDS)
    leader = _leader_of(cluster, patroni)
    seen = read([leader], PostgresObjects, port=cluster.settings.postgres_port)[leader.name]
    if seen is None or seen["in_recovery"]:
        raise UnsafeError(f"{leader.name} no longer leads\nHINT: run again; the leader moved while this run looked.")
    for remark in dropped_slots(cluster, patroni, {leader.name: seen["slots"]}):
        host.log(remark)
    if owners := missing_owners(cluster, seen):
        raise UnsafeError(
            f"postgres_databases: the owner {', '.join(owners)} does not exist\nHINT: create the role as "
            f"{cluster.settings.postgres_admin_user}, or leave the owner out to give the database to that role."
        )
    if not renews:
        refuse_another_password(cluster, secrets["PATRONI_ADMIN_PASSWORD"], seen)
    statements = _wanted_statements(cluster, secrets, seen)
    if not statements:
        host.noop("roles and databases are as declared")
        return
    yield Act(
        leader, StringCommand(f"{PSQL} -p {cluster.settings.postgres_port} -d postgres", _stdin=[script(statements)])
    )


def _wanted_statements(cluster: Cluster, secrets: Mapping[str, Secret], seen: SeenObjects) -> list[str]:
    """What is missing of roles and databases: the admin's, the declared ones, PgBouncer's and the exporters'."""
    statements = admin_statements(cluster, secrets["PATRONI_ADMIN_PASSWORD"], seen) + database_statements(cluster, seen)
    if is_looked_up(cluster):
        statements += lookup_statements(secrets["PGBOUNCER_PASSWORD"], seen)
    return statements + (measuring_statements(seen) if is_measured(cluster) else [])


@operation()
@looks_again
def roles_removed(cluster: Cluster) -> Commands:
    """
    Take back what an earlier run made for PgBouncer, or for exporters, once none is declared and those that were are
    gone.

    + cluster: as declared; called on every host, after these were removed there
    """
    if cluster.source is not None or not acts_for(cluster.members):
        host.noop("another host, or the source, looks after these roles")
        return
    if dry_run() and said(PatroniCluster)["leader"] is None:
        host.noop("there are no such roles here")
        return
    leader = current_leader(cluster)
    seen = read([leader], PostgresObjects, port=cluster.settings.postgres_port)[leader.name]
    if seen is None or seen["in_recovery"]:
        raise UnsafeError(f"{leader.name} no longer leads\nHINT: run again; the leader moved while this run looked.")
    statements = [] if is_looked_up(cluster) else removal_statements(seen)
    statements += [] if is_measured(cluster) else unmeasured_statements(seen)
    if not statements:
        host.noop("there are no such roles here")
        return
    yield Act(
        leader, StringCommand(f"{PSQL} -p {cluster.settings.postgres_port} -d postgres", _stdin=[script(statements)])
    )


@operation()
@looks_again
def statistics(cluster: Cluster) -> Commands:
    """
    The view of pg_stat_statements in the database postgres, where everybody with pg_monitor can read it, for all
    databases. It is loaded from the start; without its extension nobody can read what it counts.
    """
    if not acts_for(cluster.members) or cluster.source is not None:
        host.noop("another host, or the source, looks after the statistics")
        return
    if dry_run() and said(PatroniCluster)["leader"] is None:
        yield from decide_later("statistics of statements")
        return
    leader = current_leader(cluster)
    seen = read([leader], PostgresStatistics, port=cluster.settings.postgres_port)[leader.name]
    if seen is None or seen["in_recovery"]:
        raise UnsafeError(f"{leader.name} no longer leads\nHINT: run again; the leader moved while this run looked.")
    if seen["created"] or not seen["loaded"]:
        host.noop("pg_stat_statements is created" if seen["created"] else "pg_stat_statements is not loaded")
        return
    created = "create extension if not exists pg_stat_statements;\n"
    yield Act(leader, StringCommand(f"{PSQL} -p {cluster.settings.postgres_port} -d postgres", _stdin=[created]))


def current_leader(cluster: Cluster) -> Node:
    """The member that leads now, as Patroni on this host says."""
    return _leader_of(cluster, said(PatroniCluster, wait_seconds=ANSWER_SECONDS))


def _leader_of(cluster: Cluster, seen: SeenPatroni) -> Node:
    if seen["leader"] is None:
        raise UnsafeError(f"cluster {cluster.name} has no leader\nHINT: {seen['error'] or 'wait for the election'}.")
    return cluster.node(seen["leader"])
