"""Patroni's unit: what happens before its start, within which walls it runs, how it reads its files, and its ports."""

from __future__ import annotations

from cluster.components import sandbox
from cluster.components.component_type import CLIENTS, Admission, Listener, Reach, comes_from, scrapers
from cluster.components.data_mounts import POSTGRES as DATA
from cluster.components.data_mounts import data_mounts_program, noted, start_condition
from cluster.components.files import File
from cluster.components.rendering import program
from cluster.declared.client_networks import client_networks
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import listened

DROP_IN = "/etc/systemd/system/patroni.service.d/pyinfra-patroni.conf"
UNIT = "patroni"
SERVICE = f"{UNIT}.service"

# Asked before every start whether the host was taken out of the cluster; its text says why.
MAY_START = "/usr/local/bin/patroni-may-start"
_MAY_START = program("patroni_may_start.py")

# Ended before every start, and after every end: copies that a Patroni has left behind.
END_COPIES = "/usr/local/bin/patroni-end-copies"
_END_COPIES = program("patroni_end_copies.py")

# Each connection to the REST API takes one, whoever makes it: with systemd's 1024, as many idle ones kept HAProxy from
# asking.
OPEN_FILES = 16384

# Succeeds when Patroni's process takes the signal by which it reads its files again: SIGHUP, the lowest bit of those
# that it catches. Until it has come so far, the signal ends it. Its REST API is not asked: that it answers with a
# certificate that is wrong or has expired, or at another address, is what a reload has to fix.
_CATCHES = 'grep -q "^SigCgt:.*[13579bdf]$" /proc/$(systemctl show -p MainPID --value {unit})/status 2>/dev/null'

# The stop of a loaded primary takes its time: killed after Debian's 30 s, Patroni would leave PostgreSQL running
# without anybody to demote it. The watchdog device, where there is one, belongs to root. Whatever went wrong with the
# ending of copies after Patroni, before the next start it counts.
_DROP_IN = """[Unit]
After=network-online.target etcd.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
TimeoutSec=300
Restart=on-failure
RestartSec=3
LimitNOFILE={open_files}
{place}
ExecCondition={may_start}
ExecStartPre={end_copies}
ExecStartPre=-+/bin/chown postgres /dev/watchdog
ExecStopPost=-{end_copies}
{sandbox}"""


def unit_files(cluster: Cluster) -> tuple[File, ...]:
    """The unit's own file, and the programs that it runs before Patroni: all there before it is told to."""
    own = {MAY_START: _MAY_START, END_COPIES: _END_COPIES}
    programs = (File(path, text, mode="755") for path, text in own.items())
    return (data_mounts_program(), *programs, File(DROP_IN, _drop_in(cluster)))


def _drop_in(cluster: Cluster) -> str:
    return _DROP_IN.format(
        place=start_condition(DATA, cluster.data_directory),
        may_start=MAY_START,
        end_copies=END_COPIES,
        open_files=OPEN_FILES,
        sandbox=sandbox.PATRONI,
    )


def reload_command(cluster: Cluster) -> str:
    """
    Patroni, then PostgreSQL, read their files again. PostgreSQL is told directly, for Patroni does not when nothing but
    a certificate changed; and the limit on open files is raised, which a unit's file alone would do at the next start.
    """
    return (
        f"timeout 60 sh -c 'until {_CATCHES.format(unit=UNIT)}; do sleep 0.2; done' "
        # As its user, for in a container root may not; where the host allows no more, the next start does.
        f"&& {{ runuser -u postgres -- prlimit --nofile={OPEN_FILES}: "
        f"--pid $(systemctl show -p MainPID --value {UNIT}) || true; }} "
        # By now there are data, which nobody had noted at the first start.
        f"&& {noted(DATA, cluster.data_directory)} && systemctl reload {UNIT} && {hup(cluster)}"
    )


def hup(cluster: Cluster) -> str:
    """The command by which a PostgreSQL that runs reads its files again, and a host where none does is left alone."""
    # As postgres: the file may be a dead server's, and its number somebody else's by now.
    kill = f"runuser -u postgres -- sh -c 'kill -HUP $(head -n 1 {cluster.data_directory}/postmaster.pid)'"
    return f"{{ {kill} 2>/dev/null || true; }}"


def listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    """PostgreSQL's port and Patroni's, with the addresses on which they are open."""
    settings = cluster.settings
    return (
        Listener("postgres_port", settings.postgres_port, SERVICE, listened(cluster, node)),
        Listener("patroni_rest_port", settings.patroni_rest_port, SERVICE, (str(node.address),)),
    )


def reached(cluster: Cluster, node: Node) -> tuple[Reach, ...]:
    """The other members, and etcd."""
    settings = cluster.settings
    members = Reach(cluster.members, (settings.postgres_port, settings.patroni_rest_port))
    return members, Reach(cluster.etcd, (settings.etcd_client_port,))


def admitted(cluster: Cluster, node: Node) -> tuple[Admission, ...]:
    """Clients, who looks after the cluster, and members of standby clusters, which stream from here."""
    settings = cluster.settings
    database = (settings.postgres_port,)
    return (
        Admission(CLIENTS, client_networks(settings), database, network="client"),
        *scrapers(cluster, (settings.patroni_rest_port,)),
        *(Admission(one.name, comes_from(one, "cluster"), database, network="cluster") for one in cluster.followers),
    )
