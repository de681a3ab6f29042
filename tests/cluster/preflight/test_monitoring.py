"""A role of the exporters' name that is somebody else's is refused before any host is touched, and so is a port."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.monitoring import COMMENT
from cluster.preflight.monitoring import role_taken_findings
from cluster.preflight.ports import taken_port_findings
from tests.cluster.preflight_hosts import picture
from tests.inventories import one_host_cluster


def pictured(comment: str | None) -> dict[str, Any]:
    return {"pg1": {"held": {"measuring": comment}}}


def test_another_s_role() -> None:
    (one,) = role_taken_findings(one_host_cluster(monitoring=True), pictured(""))
    assert one.problem == (
        "the role prometheus exists on pg1 and is not this tool's, and the exporters come as that role"
    )
    assert one.hint == (
        "Rename it, `alter role prometheus rename to ...`, with those that log in as it; or set monitoring = False."
    )


@pytest.mark.parametrize(("comment", "monitoring"), [(COMMENT, True), (None, True), ("", False)])
def test_ours_none_and_anybody_s_where_nothing_is_measured(comment: str | None, monitoring: bool) -> None:
    assert list(role_taken_findings(one_host_cluster(monitoring=monitoring), pictured(comment))) == []


def test_a_port_that_debian_s_own_exporter_has() -> None:
    other = {"address": "0.0.0.0", "port": 9100, "unit": "prometheus-node-exporter.service", "process": "node"}
    seen = picture(1, listening=[other])
    (one,) = taken_port_findings(one_host_cluster(monitoring=True), {"pg1": seen})
    assert one.problem == "port 9100 is taken by node of prometheus-node-exporter.service on 0.0.0.0"
    assert one.what == "monitoring_node_port"
    assert list(taken_port_findings(one_host_cluster(), {"pg1": seen})) == []
