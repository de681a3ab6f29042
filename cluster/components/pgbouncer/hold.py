"""What holds the clients of a pool back during planned work, and lets them go on by itself."""

from __future__ import annotations

from shlex import quote

from cluster.components import sandbox
from cluster.components.component import Component
from cluster.components.files import Directory, File
from cluster.components.haproxy import runtime_query
from cluster.components.rendering import program, rendered
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import Pool, processes

PROGRAMS = "/usr/local/lib/pgbouncer"
PROGRAM = f"{PROGRAMS}/pgbouncer-hold"
UNIT_PATH = "/etc/systemd/system/pgbouncer-hold@.service"
# The time that a run may add up by extending it. Clients wait no longer than pgbouncer_wait_seconds either.
MOST_SECONDS = 90
# HAProxy's checks see a new primary within two seconds.
LEADS_SECONDS = 10


def hold_unit(pool: Pool) -> str:
    """The unit that runs while the clients of a pool wait."""
    return f"pgbouncer-hold@{pool}"


def hold_component(cluster: Cluster) -> Component:
    """The program and its unit, which runs only while clients wait."""
    unit = rendered(
        "pgbouncer/pgbouncer-hold@.service.j2",
        cluster=cluster.name,
        program=PROGRAM,
        seconds=cluster.settings.pgbouncer_pause_seconds,
        most=MOST_SECONDS,
        sandbox=sandbox.PGBOUNCER,
    )
    files = (File(PROGRAM, program("pgbouncer_hold.sh"), mode="755"), File(UNIT_PATH, unit))
    return Component((Directory(PROGRAMS),), files)


def hold_command(cluster: Cluster, node: Node, pool: Pool, seconds: int) -> str:
    """
    Hold the clients of a pool on a host, and say whether they wait: ``held``, or a line for each transaction that is
    still under way. Fails where a process does not answer.

    + seconds: how long these may take
    """
    return f"systemctl restart {hold_unit(pool)} && {awaited_command(cluster, node, pool, seconds)}"


def awaited_command(cluster: Cluster, node: Node, pool: Pool, seconds: int) -> str:
    """The second part of that alone."""
    names = " ".join(process.name for process in processes(cluster, node) if process.pool == pool)
    return f"{PROGRAM} {pool} await {seconds} {names}"


def extend_command(pool: Pool, seconds: int) -> str:
    """Hold them for so many seconds from now on; nothing where they go on already."""
    return f"{PROGRAM} {pool} extend {seconds}"


def release_command(pool: Pool) -> str:
    """Let them go on."""
    return f"systemctl stop {hold_unit(pool)}"


def served_command(cluster: Cluster, pool: Pool, leader: str) -> str:
    """
    Let them go on when they would be served: HAProxy leads to the new primary, and to nobody else. It is a matter of
    a second, and clients that went on before would meet the former one, or nobody.

    + leader: the member that takes writes now
    """
    if cluster.settings.pgbouncer_on != "haproxy":
        return release_command(pool)
    rows = f"{runtime_query('show stat -1 4 -1')} 2>/dev/null"
    up = """awk -F, '$1 == "primary" && $18 ~ /^UP/ { print $2 }'"""
    until = f'until [ "$({rows} | {up})" = {quote(leader)} ]; do sleep 0.1; done'
    return f"timeout {LEADS_SECONDS} sh -c {quote(until)}; {release_command(pool)}"
