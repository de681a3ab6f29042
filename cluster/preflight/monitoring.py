"""A role of the name with which the exporters come, and that is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.declared.monitoring import COMMENT, ROLE, is_measured
from cluster.findings import Finding


def role_taken_findings(cluster: Cluster, reached: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """
    What a member says of that role, once for the cluster. + reached: ``HostPicture`` by name of the hosts to be judged
    """
    if not is_measured(cluster):
        return
    comments = {name: (one.get("held") or {}).get("measuring") for name, one in reached.items()}
    other = next((name for name, comment in comments.items() if comment not in (None, COMMENT)), None)
    if other is not None:
        problem = f"the role {ROLE} exists on {other} and is not this tool's, and the exporters come as that role"
        hint = f"Rename it, `alter role {ROLE} rename to ...`, with those that log in as it; or set monitoring = False."
        yield Finding("PostgreSQL", "monitoring", problem, hint)
