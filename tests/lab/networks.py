"""Networks of a lab beside its own: made on demand, joined by hosts that are up, and gone with the lab."""

from collections.abc import Iterable

from tests.lab.docker import docker
from tests.lab.labs import labels
from tests.lab.spec import Host, Lab


def join(host: Host, network: str) -> None:
    """Put a host's cable into one of these, unless it is there. + network: of ``NETWORKS``"""
    name = _made(host.lab, network)
    if name not in docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", host.container):
        docker("network", "connect", "--ip", host.address_in(network), name, host.container)


def leave(host: Host, network: str) -> None:
    """Pull that cable: the interface is gone, and what was bound to its address is not."""
    docker("network", "disconnect", _name(host.lab, network), host.container)


def join_all(hosts: Iterable[Host], networks: Iterable[str]) -> None:
    """One network after the other, so that their interfaces are the same on all hosts: eth1 of the first."""
    for network in networks:
        for host in hosts:
            join(host, network)


def _name(lab: Lab, network: str) -> str:
    # The engine publishes ports in the first by name, which has to be the lab's own.
    return f"{lab.network}-{network}"


def _made(lab: Lab, network: str) -> str:
    name = _name(lab, network)
    if name not in docker("network", "ls", "--format", "{{.Name}}").split():
        docker("network", "create", "--driver", "bridge", *labels(lab), "--subnet", str(lab.beside(network)), name)
    return name
