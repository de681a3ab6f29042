"""pgBackRest: the WAL archive and the backups, on the members and on the repository host."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.certificates import PGBACKREST
from cluster.component import Component, Unit
from cluster.files import Directory, File
from cluster.model import Cluster, Node
from cluster.plan_backup import FULL_WORDS
from cluster.render_pgbackrest import (
    BACKUP,
    BACKUP_UNIT,
    BOUNDED,
    CONFIGURATION,
    RESTORE_COMMAND,
    SERVER,
    SPOOL,
    USER,
    configuration,
    service,
    store_of,
    timer,
    timer_path,
    unscheduled,
)
from cluster.room import LEAST_MIB
from cluster.secrets import Secret
from facts.host import HostComponent
from operations.util.component import Commands, brought_up

TEMPLATES = Path(__file__).parent.parent / "deploys" / "templates" / "pgbackrest"

# Whoever got no answer from the repository keeps the others from asking for so long: longer than a promotion takes.
SILENCE_SECONDS = 20
# A segment of 16 MiB that takes longer goes on in the background, and the next call finds it done.
PUSH_SECONDS, GET_SECONDS = 15, 5
LOCK_SECONDS = 4 * 3600
ARCHIVE_SECONDS = 600

# A signal, after which new connections find the new files; sessions go on. The port alone needs a restart.
_RELOAD = """
systemctl reload {unit}
sleep 0.5
[ -n "$(ss -Hltn 'sport = :{port}')" ] || systemctl restart {unit}
"""


@operation()
def configured(cluster: Cluster, cipher_pass: Secret) -> Commands:
    """
    pgBackRest's files, its TLS server, and on the repository host the timers. Leaves hosts alone that have neither data
    nor the repository; a cluster without a repository host has nothing of this.

    + cipher_pass: with which the repository is encrypted
    """
    node = cluster.node(host.name)
    if not cluster.uses_pgbackrest(node):
        host.noop("no backups on this host")
        return
    yield from _unscheduled_gone(cluster, node)
    yield from brought_up(pgbackrest_component(cluster, node, cipher_pass))


def _unscheduled_gone(cluster: Cluster, node: Node) -> Commands:
    """Stop the timers of types that have no time any more."""
    names = {timer(kind): timer_path(kind) for kind in unscheduled(cluster)} if "backup" in node.roles else {}
    if not names:
        return
    seen = host.get_fact(HostComponent, paths=list(names.values()), units={})
    for name, path in names.items():
        if seen["paths"][path] is not None:
            yield StringCommand(f"systemctl disable --now --quiet {name}; rm -f {path} && systemctl daemon-reload")


def pgbackrest_component(cluster: Cluster, node: Node, cipher_pass: Secret) -> Component:
    """pgBackRest's files and units on one host. + cipher_pass: stands in the repository host's configuration"""
    # A member's file has no secret in it; the store's keys are read where they are needed.
    store = store_of(cluster) if "backup" in node.roles else None
    files = [configuration(cluster, node, str(cipher_pass), store)]
    loads = (CONFIGURATION, PGBACKREST.certificate, PGBACKREST.authority)
    load = f"({_RELOAD.format(unit=SERVER, port=cluster.settings.pgbackrest_port)})"
    units = [Unit(SERVER, loads, load=load)]
    if "postgres" in node.roles:
        files.append(File(BOUNDED, _bounded(cluster, node), mode="755"))
    if "backup" in node.roles:
        files += [File(BACKUP, _backup(cluster, node), mode="755"), File(BACKUP_UNIT, _backup_unit(cluster))]
        for kind, when in cluster.settings.pgbackrest_schedule.items():
            files.append(File(timer_path(kind), _timer(cluster, kind, when)))
            units.append(Unit(timer(kind), (timer_path(kind), BACKUP_UNIT), load=f"systemctl restart {timer(kind)}"))
    return Component((Directory("/etc/pgbackrest"), *_owned(cluster, node)), tuple(files), tuple(units))


def _owned(cluster: Cluster, node: Node) -> list[Directory]:
    paths = [SPOOL, "/var/log/pgbackrest"]
    if "backup" in node.roles and cluster.repository_directory is not None:
        paths.append(cluster.repository_directory)
    return [Directory(path, USER, USER, "750") for path in paths]


def _bounded(cluster: Cluster, node: Node) -> str:
    repository = cluster.repository
    return _rendered(
        "bounded.sh.j2",
        stanza=cluster.name,
        spool=SPOOL,
        silence_seconds=SILENCE_SECONDS,
        push_seconds=PUSH_SECONDS,
        get_seconds=GET_SECONDS,
        process_max=cluster.settings.pgbackrest_process_max,
        repository=None if repository in (None, node) else repository.address,
        port=cluster.settings.pgbackrest_port,
        restore_command=RESTORE_COMMAND,
    )


def _backup(cluster: Cluster, node: Node) -> str:
    return _rendered(
        "backup.sh.j2",
        stanza=cluster.name,
        spool=SPOOL,
        lock_seconds=LOCK_SECONDS,
        process_max=cluster.settings.pgbackrest_process_max,
        core_part=4 if "postgres" in node.roles else 2,
        directory=cluster.repository_directory,
        archive_seconds=ARCHIVE_SECONDS,
        least_mib=LEAST_MIB,
        full=FULL_WORDS,
    )


def _backup_unit(cluster: Cluster) -> str:
    return _rendered("backup.service.j2", stanza=cluster.name, user=USER, program=BACKUP)


def _timer(cluster: Cluster, kind: str, when: str) -> str:
    return _rendered(
        "backup.timer.j2",
        stanza=cluster.name,
        kind=kind,
        service=service(kind),
        when=when,
        delay_minutes=cluster.settings.pgbackrest_random_delay_minutes,
    )


def _rendered(template: str, **values: object) -> str:
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template(template).render(values)
