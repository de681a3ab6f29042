"""When rules are tried before they are kept, and what is said when they cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.components.all import COMPONENTS
from cluster.components.component import Component
from cluster.components.firewall.rules import RULES, firewall_component
from cluster.errors import UnsafeError
from cluster.verdicts.firewall import lacking, needs_trial, refuse_without_nft, rules_of, unreachable
from tests.inventories import one_host_cluster


def component(**settings: Any) -> Component:
    on = one_host_cluster(firewall_mode="nftables", firewall_client_networks=["10.7.0.0/16"], **settings)
    return firewall_component(COMPONENTS, on, on.nodes[0])


def paths(of: Component) -> dict[str, Any]:
    digest = rules_of(of).digest
    return {RULES: {"kind": "file", "mode": "644", "user": "root", "group": "root", "sha256": digest}}


def seen(**other: Any) -> Any:
    loaded = {"installed": True, "fails": None, "loaded": "a", "recorded": "a", "rules": [], "on_trial": False}
    return {**loaded, **other}


def test_the_rules_in_force_are_not_tried_again() -> None:
    assert not needs_trial(component(), paths(component()), seen())


@pytest.mark.parametrize("other", [{"loaded": None}, {"loaded": "b"}, {"recorded": None}])
def test_rules_that_are_not_in_force_are_tried(other: dict[str, Any]) -> None:
    assert needs_trial(component(), paths(component()), seen(**other))


def test_other_rules_are_tried() -> None:
    before = component(firewall_other_ports=["9100/tcp"])
    assert needs_trial(component(), paths(before), seen())
    assert needs_trial(component(), {RULES: None}, seen())


def test_what_is_lacking_is_what_is_not_open_yet() -> None:
    wide = component(firewall_other_ports=["9100/tcp 10.8.0.0/24"])
    there = [line.strip() for line in rules_of(component()).content.splitlines()]
    assert lacking(wide, there) == ["ip saddr { 10.8.0.0/24 } tcp dport 9100 accept"]
    assert lacking(component(), there) == []


def test_a_host_on_which_nft_fails_is_refused_with_its_words() -> None:
    with pytest.raises(UnsafeError) as refusal:
        refuse_without_nft("pg1", seen(fails="Operation not permitted (you must be root)"))
    assert str(refusal.value) == (
        "nft does not work on pg1: Operation not permitted (you must be root)\n"
        "HINT: its kernel needs nf_tables, and a container CAP_NET_ADMIN: see 'nft list tables' there; "
        'firewall_mode = "off" does without, see docs/firewall.md.'
    )
    refuse_without_nft("pg1", seen())


def test_rules_with_which_a_host_is_not_reached_are_refused() -> None:
    assert str(unreachable("pg1", "no answer in 20 seconds", 55)) == (
        "pg1 cannot be reached over a new connection with its new firewall rules: no answer in 20 seconds\n"
        "HINT: within 55 s the host takes them back by itself; then correct firewall_ssh_networks or firewall_ssh_port."
    )
