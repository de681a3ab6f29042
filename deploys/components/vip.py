"""Virtual IP addresses on the members."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import bgp, vip


@deploy("Addresses")
def deploy_vip(cluster: Cluster) -> None:
    """Both of what follows, or their removal. + cluster: as declared"""
    _run_speaker(cluster)
    _run_holder(cluster)


@deploy("Addresses")
def deploy_speaker(cluster: Cluster) -> None:
    """What announces the addresses of a host to routers, whoever put them there. + cluster: as declared"""
    _run_speaker(cluster)


@deploy("Addresses")
def deploy_holder(cluster: Cluster) -> None:
    """What takes addresses and lets them go. Needs the certificates. + cluster: as declared"""
    _run_holder(cluster)


def _run_speaker(cluster: Cluster) -> None:
    bgp.speaker(name="Announce addresses to routers", cluster=cluster)


def _run_holder(cluster: Cluster) -> None:
    vip.holder(name="Run the holder of virtual addresses", cluster=cluster)
