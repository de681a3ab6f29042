"""What all exporters have in common: one certificate a host, whom they let in, where they listen, their unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import yaml

from cluster.ciphers import GO
from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.component_type import Admission, ComponentType, Listener, Secrets, scrapers
from cluster.components.files import Directory, File
from cluster.components.rendering import rendered
from cluster.declared.model import Cluster, Node
from cluster.pki.certificates import MONITORING as PLACE
from cluster.pki.certificates import CertificatePlace

USER = PLACE.user
DIRECTORY = "/etc/pyinfra-patroni-monitoring"
WEB = f"{DIRECTORY}/web.yml"
PROGRAMS = "/usr/local/lib/pyinfra-patroni-monitoring"
# Debian's, which node_exporter reads.
TEXTFILES = "/var/lib/prometheus/node-exporter"
# A door in front of what has none of its own: it speaks TLS and asks for the certificate.
DOOR = "/usr/bin/prometheus-exporter-exporter"
DOOR_PACKAGE, DOOR_UNIT = "prometheus-exporter-exporter", "prometheus-exporter-exporter"


def unit_of(name: str) -> str:
    """The unit of an exporter. Not Debian's: that may be the administrator's. + name: of the component"""
    return f"pyinfra-patroni-{name.replace('_', '-')}"


def unit_path(name: str) -> str:
    """Where its file lies."""
    return f"/etc/systemd/system/{unit_of(name)}.service"


def load(name: str) -> str:
    """The command with which an exporter reads its files again: it has nothing that a restart would lose."""
    return f"systemctl restart {unit_of(name)}"


def own_directory() -> Directory:
    """Where the exporters' files lie."""
    return Directory(DIRECTORY)


def web_file() -> File:
    """Whom the exporters let in, in the words that all of those written in Go share: read at every handshake."""
    tls = {
        "cert_file": PLACE.certificate,
        "key_file": PLACE.key,
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": PLACE.authority,
        "min_version": "TLS12",
        "cipher_suites": list(GO),
    }
    return File(WEB, "# Managed by pyinfra-patroni.\n" + yaml.safe_dump({"tls_server_config": tls}, sort_keys=False))


def unit_file(
    cluster: Cluster,
    name: str,
    what: str,
    words: Sequence[str],
    walls: str = sandbox.EXPORTER,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> File:
    """
    An exporter's unit.

    + name: of the component; + what: it is, in words
    + words: the program and its arguments; + environment: by name; + walls: what it may not do
    """
    values = {"words": words, "environment": environment, "walls": walls}
    text = rendered("monitoring/exporter.service.j2", None, what=what, cluster=cluster.name, user=USER, **values)
    return File(unit_path(name), text)


def door_words(cluster: Cluster, node: Node, port: int, configuration: str) -> list[str]:
    """The door's program with its arguments. + port: where it listens; + configuration: what is behind it"""
    return [
        DOOR,
        f"-config.file={configuration}",
        "-web.listen-address=",  # without TLS: nowhere
        f"-web.tls.listen-address={node.address.endpoint(port)}",
        f"-web.tls.cert={PLACE.certificate}",
        f"-web.tls.key={PLACE.key}",
        "-web.tls.verify",
        f"-web.tls.ca={PLACE.authority}",
    ]


def door_component(
    cluster: Cluster, node: Node, name: str, what: str, setting: str, configuration: str, module: Mapping[str, object]
) -> Component:
    """
    A door with its unit.

    + name, what: as ``unit_file`` has them; + setting: of its port
    + configuration: its file; + module: the one that is asked for, and how what is behind it is asked
    """
    text = "# Managed by pyinfra-patroni.\n" + yaml.safe_dump({"modules": dict(module)}, sort_keys=False, width=110)
    words = door_words(cluster, node, int(getattr(cluster.settings, setting)), configuration)
    files = (File(configuration, text), unit_file(cluster, name, what, words))
    loads = (unit_path(name), configuration, PLACE.certificate, PLACE.authority)
    return Component((own_directory(),), files, (Unit(unit_of(name), loads, load=load(name)),))


def listeners(cluster: Cluster, node: Node, name: str, setting: str) -> tuple[Listener, ...]:
    """Where a service of monitoring listens: nowhere but at the host's own address. + setting: of its port"""
    port = int(getattr(cluster.settings, setting))
    return (Listener(setting, port, f"{unit_of(name)}.service", (str(node.address),)),)


def exporter_type(
    name: str,
    setting: str,
    wanted: Callable[[Cluster, Node], bool],
    files: Callable[[Cluster, Node, Secrets], Component],
    *,
    packages: tuple[str, ...],
    debian_units: Mapping[str, str],
    certificates: tuple[CertificatePlace, ...] = (),
    owns: tuple[str, ...] = (),
) -> ComponentType:
    """
    The declaration of an exporter. It stays with every host, so that a run removes it where it is not wanted any more.

    + name: of the component; + setting: of its port; + wanted: whether a host has it
    + files, packages, debian_units, certificates, owns: as ``ComponentType`` has them, where it is wanted
    """

    def listens(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
        return listeners(cluster, node, name, setting) if wanted(cluster, node) else ()

    def admits(cluster: Cluster, node: Node) -> tuple[Admission, ...]:
        return scrapers(cluster, (int(getattr(cluster.settings, setting)),)) if wanted(cluster, node) else ()

    return ComponentType(
        name=name,
        on=lambda cluster, node: True,
        wanted=wanted,
        packages=lambda cluster, node: packages if wanted(cluster, node) else (),
        debian_units=debian_units,
        files=files,
        service=f"{unit_of(name)}.service",
        phase="clients",
        units=lambda cluster, node: (unit_of(name),) if wanted(cluster, node) else (),
        former_units=(unit_of(name),),
        certificates=lambda cluster, node: certificates if wanted(cluster, node) else (),
        listens=listens,
        admits=admits,
        mark=unit_path(name),
        owns=lambda cluster, node: (unit_path(name), *owns),
        shells=(PROGRAMS,),
    )
