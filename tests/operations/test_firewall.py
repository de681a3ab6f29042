"""Rules of a host that is only a picture: opened early, tried, kept or refused; and removed where none are declared."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.context import ctx_host

import operations.firewall
from cluster.components.all import COMPONENTS
from cluster.components.component import Component
from cluster.components.firewall.rules import DIRECTORY, GUARD, RULES, TRIAL, UNIT, accepting, firewall_component
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.verdicts.firewall import rules_of
from facts.preflight.firewall import HostFirewall
from tests.inventories import one_host_cluster


class PicturedHost:
    """A host of a given firewall. + files: what it has, by path"""

    name = "pg1"

    def __init__(self, seen: dict[str, Any], files: dict[str, Any], *, stale: bool = False) -> None:
        self.seen, self.files, self.stale = seen, files, stale
        self.noops: list[str] = []

    def get_fact(self, fact: Any, **asked: Any) -> Any:
        if fact is HostFirewall:
            return self.seen
        unit = {"active": "active" if self.files else "inactive", "needs_daemon_reload": False, "started_at": 200}
        stamps = {"files_changed_at": 100, "files_digest": "one", "loaded_digest": "two" if self.stale else "one"}
        return {
            "paths": {path: self.files.get(path) for path in asked["paths"]},
            "units": {name: {**unit, **stamps} for name in asked["units"]},
        }

    def noop(self, description: str) -> None:
        self.noops.append(description)

    def log(self, _: str) -> None: ...


@pytest.fixture(autouse=True)
def reached(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Whether the host is reached anew, and after how many commands it was tried."""
    answer: dict[str, Any] = {"reason": None, "tried": 0}

    def refused(_: Any, seconds: int) -> str | None:
        answer["tried"] += 1
        return answer["reason"] and str(answer["reason"])

    monkeypatch.setattr(operations.firewall, "refused_anew", refused)
    monkeypatch.setattr(operations.firewall, "target_named", lambda name: name)
    return answer


def on(**settings: Any) -> Cluster:
    return one_host_cluster(firewall_mode="nftables", firewall_client_networks=["10.7.0.0/16"], **settings)


def component(cluster: Cluster) -> Component:
    return firewall_component(COMPONENTS, cluster, cluster.nodes[0])


def files(cluster: Cluster) -> dict[str, Any]:
    """A host that has what a cluster declares."""
    own = component(cluster)
    owner = {"user": "root", "group": "root"}
    there: dict[str, Any] = {DIRECTORY: {"kind": "directory", "mode": "755", **owner}}
    return there | {file.path: {"kind": "file", "mode": "644", **owner, "sha256": file.digest} for file in own.files}


def seen(**other: Any) -> dict[str, Any]:
    nothing = {"installed": True, "fails": None, "loaded": None, "recorded": None, "rules": None, "on_trial": False}
    return {**nothing, **other}


def loaded(cluster: Cluster, **other: Any) -> dict[str, Any]:
    rules = accepting(rules_of(component(cluster)).content)
    return seen(**{"loaded": "digest", "recorded": "digest", "rules": rules, **other})


def run(host: PicturedHost, operation: Any, cluster: Cluster) -> list[str]:
    with ctx_host.use(host):
        return [command.get_raw_value() for command in operation._inner(cluster=cluster)]


def test_first_rules_are_loaded_on_trial_and_kept_only_then(reached: dict[str, Any]) -> None:
    write, trial, keep, start, end = run(PicturedHost(seen(), {}), operations.firewall.rules, on())
    assert f"{TRIAL}.new" in write and "nft -c -f" in write and f"{RULES}.new" not in write
    assert trial.index("systemd-run") < trial.index(f"nft -f {TRIAL}")
    assert f"{RULES}.new" in keep and UNIT in start and "enable" in start
    assert f"systemctl stop {GUARD}.timer" in end and TRIAL in end
    assert reached["tried"] == 1


def test_rules_with_which_the_host_is_not_reached_are_left_to_it(reached: dict[str, Any]) -> None:
    reached["reason"] = "Connection refused"
    host, commands = PicturedHost(seen(), {}), []
    with ctx_host.use(host), pytest.raises(UnsafeError, match="cannot be reached over a new connection"):
        for command in operations.firewall.rules._inner(cluster=on()):
            commands.append(command.get_raw_value())
    assert len(commands) == 2 and f"{RULES}.new" not in " ".join(commands)


def test_a_second_run_changes_nothing_and_connects_no_more(reached: dict[str, Any]) -> None:
    cluster = on()
    for operation in (operations.firewall.opening, operations.firewall.rules):
        assert run(PicturedHost(loaded(cluster), files(cluster)), operation, cluster) == []
    assert reached["tried"] == 0


def test_rules_that_somebody_changed_are_loaded_again() -> None:
    cluster = on()
    host = PicturedHost(loaded(cluster, loaded="another"), files(cluster), stale=True)
    assert any("systemd-run" in command for command in run(host, operations.firewall.rules, cluster))


def test_what_a_dead_run_has_left_on_trial_is_ended() -> None:
    cluster = on()
    host = PicturedHost(loaded(cluster, on_trial=True), files(cluster))
    (end,) = run(host, operations.firewall.rules, cluster)
    assert f"systemctl stop {GUARD}.timer" in end


def test_a_port_that_will_be_needed_is_opened_before_and_none_is_closed(reached: dict[str, Any]) -> None:
    before, after = on(haproxy_any_port=5009), on(haproxy_any_port=5010)
    host = PicturedHost(loaded(before), files(before))
    with ctx_host.use(host):
        write = next(iter(operations.firewall.opening._inner(cluster=after)))
    text = str(write.connector_arguments["_stdin"][0])
    assert "dport 5009 accept" in text and "dport 5010 accept" in text
    assert reached["tried"] == 0


def test_nothing_is_opened_where_nothing_is_closed() -> None:
    host = PicturedHost(seen(), {})
    assert run(host, operations.firewall.opening, on()) == []
    assert host.noops == ["no firewall of ours closes anything here"]


def test_a_narrower_declaration_closes_nothing_early() -> None:
    before, after = on(firewall_other_ports=["9100/tcp"]), on()
    host = PicturedHost(loaded(before), files(before))
    assert run(host, operations.firewall.opening, after) == [] and host.noops == ["all that is needed is open"]


@pytest.mark.parametrize("operation", [operations.firewall.opening, operations.firewall.rules])
def test_switched_off_the_table_the_unit_and_the_files_go(operation: Any) -> None:
    cluster = on()
    (removal,) = run(PicturedHost(loaded(cluster), files(cluster)), operation, one_host_cluster())
    assert f"systemctl disable --now --quiet {UNIT}" in removal and "delete table inet pyinfra_patroni" in removal
    assert RULES in removal and "flush" not in removal
    host = PicturedHost(seen(), {})
    assert run(host, operation, one_host_cluster()) == []
    assert host.noops == ["no firewall is declared, and none of ours is there"]


def test_a_host_on_which_nft_fails_is_refused() -> None:
    host = PicturedHost(seen(fails="Operation not permitted"), {})
    with pytest.raises(UnsafeError, match="nft does not work on pg1: Operation not permitted"):
        run(host, operations.firewall.rules, on())
