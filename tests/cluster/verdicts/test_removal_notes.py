"""The notes about hosts that go, and the cluster without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.etcd import bootstrap_file, declared_peers
from cluster.components.haproxy import configuration_text
from cluster.components.patroni import member_configuration
from cluster.components.pg_hba import hba_lines
from cluster.declared.model import Cluster
from cluster.preflight.hosts import Observed, host_findings
from cluster.secrets.secrets import NAMES, Secret
from cluster.verdicts.removal_notes import Removal, remaining, removal_key, removals
from tests.cluster.preflight_hosts import KEYS, a_cluster, findings, picture
from tests.world.hosts import fake_cluster

SECRETS = {name: f"Value-of-{name}" for name in NAMES}


@given(at=st.text(max_size=30), ttl=st.none() | st.integers(0, 9999) | st.text(max_size=9), name=st.text("ab.-1"))
def test_a_note_is_read_as_it_was_written(at: str, ttl: int | str | None, name: str) -> None:
    note, cluster = Removal(at, ttl), fake_cluster()
    keys = {removal_key(cluster, name): note.text, cluster.key("config"): "{}"}
    assert removals(cluster, keys) == {name: note}


def test_no_answer_holds_no_note() -> None:
    assert removals(fake_cluster(), None) == {}


def whole() -> Cluster:
    return fake_cluster(5, roles=("postgres", "etcd", "haproxy"))


@pytest.mark.parametrize("gone", ["h1", "h3", "h5"])
def test_nothing_that_is_written_for_the_others_names_a_host_that_has_gone(gone: str) -> None:
    cluster = whole()
    address, rest = str(cluster.node(gone).address), remaining(cluster, {gone})
    for node in rest:
        texts = [
            str(member_configuration(rest, node, SECRETS, None)),
            configuration_text(rest, node, Secret("Value")),
            bootstrap_file(rest, declared_peers(rest), state="existing").content,
            *hba_lines(rest),
        ]
        assert [text for text in texts if gone in text or f"{address}:" in text or f"{address}/" in text] == []
        assert gone in configuration_text(cluster, node, Secret("Value"))


def test_a_removed_host_is_not_built_up_again_without_a_word() -> None:
    note = {"/service/main/removed/pg3": Removal("2026-11-21T19:00:00+00:00").text}
    (finding,) = findings(keys={**KEYS, **note})
    assert (finding.where, finding.what) == ("pg3", "removal")
    assert finding.problem == "was removed from main at 2026-11-21T19:00:00+00:00, and is still in the inventory"
    assert "add_node.py" in finding.hint


def test_a_host_that_is_no_more_declared_is_nobody_s_finding() -> None:
    assert findings(keys={**KEYS, "/service/main/removed/pg9": Removal("2026").text}) == []


def test_a_run_that_brings_one_host_back_brings_back_no_other() -> None:
    notes = {f"/service/main/removed/{name}": Removal("2026").text for name in ("pg2", "pg3")}
    cluster = a_cluster()
    seen = {node.name: picture(n) for n, node in enumerate(cluster, 1)}
    observed = Observed(seen, keys={**KEYS, **notes}, judged=frozenset(seen), returning=frozenset({"pg3"}))
    assert [(one.where, one.what) for one in host_findings(cluster, observed)] == [("pg2", "removal")]
