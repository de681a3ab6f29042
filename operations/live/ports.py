"""The port matrix of clusters, printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from cluster.components.all import port_matrix
from cluster.declared.model import Cluster
from cluster.screens.ports import matrix_data, matrix_lines, ruleset_lines
from operations.util.hosts import is_within_limit


def print_ports(clusters: Sequence[Cluster], form: str) -> int:
    """
    Print who may reach which port of the hosts within this run. Returns the exit code, which is 0.

    + form: ``table``, ``nftables`` or ``json``; pyinfra's own ``--json`` asks for the last, too
    """
    shown = {one.name: [row for row in port_matrix(one) if is_within_limit(one.node(row.host))] for one in clusters}
    if form == "json" or "--json" in sys.argv:
        told = {name: matrix_data(rows) for name, rows in shown.items()}
        print(json.dumps({"clusters": told}, indent=2))
    else:
        lines = ruleset_lines if form == "nftables" else matrix_lines
        print("\n".join(line for name, rows in shown.items() for line in lines(name, rows)))
    return 0
