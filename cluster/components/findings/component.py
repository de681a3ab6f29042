"""The files and units with which a host judges itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, Secrets
from cluster.components.files import Directory, File
from cluster.components.findings.bundle import ENTRY, bundle
from cluster.components.findings.declaration import declaration
from cluster.components.rendering import program, rendered
from cluster.declared.model import Cluster, Node

SERVICE = "pyinfra-patroni-findings.service"
TIMER = "pyinfra-patroni-findings.timer"
SERVICE_PATH, TIMER_PATH = (f"/etc/systemd/system/{unit}" for unit in (SERVICE, TIMER))
LIBRARY = "/usr/local/lib/pyinfra-patroni"
BUNDLE = f"{LIBRARY}/findings.bundle"
PROGRAM = f"{LIBRARY}/findings.py"
DIRECTORY = "/etc/pyinfra-patroni"
DECLARATION = f"{DIRECTORY}/findings.json"
# Where the modules lie unpacked and compiled: to compile them each time would cost more than all else.
CACHE = "pyinfra-patroni-findings"
# Whom node_exporter reads; its package has made the directory.
TEXTFILES = "/var/lib/prometheus/node-exporter"
METRICS = f"{TEXTFILES}/pyinfra_patroni_findings.prom"
# Debian's Python, and what reads YAML and certificates. Members have most of it with Patroni.
PACKAGES = ("python3", "python3-yaml", "python3-cryptography")


def is_wanted(cluster: Cluster) -> bool:
    """Whether the hosts of a cluster judge themselves."""
    return cluster.settings.monitoring


def findings_component(others: Sequence[ComponentType], cluster: Cluster, node: Node, secrets: Secrets) -> Component:
    """
    Program, declaration and timer of one host; none where monitoring is off.

    + others: the components that it is to judge; + secrets: those in their files, of which the host learns digests
    """
    if not is_wanted(cluster):
        return Component()
    own = _own(cluster)
    judged = [one.files(cluster, node, secrets) for one in others if one.on(cluster, node)]
    told = File(DECLARATION, declaration(cluster, node, [*judged, own]), mode="600")
    return Component(own.directories, (*own.files, told), own.units)


def _own(cluster: Cluster) -> Component:
    minutes = cluster.settings.findings_minutes
    call = " ".join([PROGRAM, BUNDLE, f"/var/cache/{CACHE}", ENTRY, DECLARATION, METRICS])
    files = (
        File(BUNDLE, bundle()),
        File(PROGRAM, program("findings.py"), mode="755"),
        File(
            SERVICE_PATH,
            rendered("findings/service.j2", cluster=cluster.name, call=call, cache=CACHE, textfiles=TEXTFILES),
        ),
        File(TIMER_PATH, rendered("findings/timer.j2", cluster=cluster.name, service=SERVICE, minutes=minutes)),
    )
    timer = Unit(TIMER, (TIMER_PATH, SERVICE_PATH), load=f"systemctl restart {TIMER}")
    return Component((Directory(LIBRARY), Directory(DIRECTORY)), files, (timer,))


def component_beside(others: Sequence[ComponentType]) -> ComponentType:
    """The declaration of it. + others: as ``findings_component`` has them"""

    def files(cluster: Cluster, node: Node, secrets: Mapping[str, Any]) -> Component:
        return findings_component(others, cluster, node, secrets)

    def names(cluster: Cluster, node: Node) -> tuple[str, ...]:
        listed = (name for one in others if one.on(cluster, node) for name in one.secrets(cluster, node))
        return tuple(dict.fromkeys(listed)) if is_wanted(cluster) else ()

    return ComponentType(
        name="findings",
        on=lambda cluster, node: True,
        wanted=lambda cluster, node: is_wanted(cluster),
        packages=lambda cluster, node: PACKAGES if is_wanted(cluster) else (),
        files=files,
        secrets=names,
        phase="timers",
        units=lambda cluster, node: (TIMER,) if is_wanted(cluster) else (),
        former_units=(TIMER,),
        owns=lambda cluster, node: (
            SERVICE_PATH,
            TIMER_PATH,
            PROGRAM,
            BUNDLE,
            f"/var/cache/{CACHE}",
            METRICS,
            DECLARATION,
        ),
        mark=DECLARATION,
        shells=(LIBRARY, DIRECTORY),
    )
