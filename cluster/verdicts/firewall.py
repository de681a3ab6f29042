"""What is to be done about the firewall of one host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.components.component import Component
from cluster.components.files import File
from cluster.components.firewall.rules import RULES, accepting
from cluster.errors import UnsafeError
from cluster.observed.firewall import SeenFirewall
from cluster.observed.host import SeenPath


def needs_trial(component: Component, paths: Mapping[str, SeenPath | None], seen: SeenFirewall) -> bool:
    """
    Whether other rules than those in force would be loaded. The same ones again harm nobody.

    + component: as declared; + paths: of its files, as ``HostComponent`` says them
    """
    fits = rules_of(component).fits(paths[RULES])
    return not fits or seen["loaded"] is None or seen["loaded"] != seen["recorded"]


def lacking(component: Component, there: Sequence[str]) -> list[str]:
    """The rules that a host's file does not have yet. + component: as declared; + there: those that it has"""
    return [line for line in accepting(rules_of(component).content) if line not in there]


def rules_of(component: Component) -> File:
    """The file of the rules. + component: the firewall's, where it is wanted"""
    return next(file for file in component.files if file.path == RULES)


def refuse_without_nft(name: str, seen: SeenFirewall) -> None:
    """Refuse a host on which nft cannot work. + name: the host's"""
    if seen["fails"] is not None:
        raise UnsafeError(
            f"nft does not work on {name}: {seen['fails']}\n"
            "HINT: its kernel needs nf_tables, and a container CAP_NET_ADMIN: see 'nft list tables' there; "
            'firewall_mode = "off" does without, see docs/firewall.md.'
        )


def unreachable(name: str, reason: str, seconds: int) -> UnsafeError:
    """The refusal to keep rules with which a host was not reached. + name: the host's; + reason: why not"""
    return UnsafeError(
        f"{name} cannot be reached over a new connection with its new firewall rules: {reason}\n"
        f"HINT: within {seconds} s the host takes them back by itself; then correct firewall_ssh_networks or "
        "firewall_ssh_port."
    )
