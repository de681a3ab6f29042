"""What ALTER SYSTEM set is taken out of a member's files, where PostgreSQL does not start and SQL cannot do it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from shlex import quote
from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand

from cluster.declared.model import Cluster, Node
from cluster.plans.configure import same
from facts.member_data import RUNS
from facts.postgres.altered import FILE, PostgresAltered
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.util.reading import read

# What a restore has put there leads to its moment.
_RESTORES = ("restore_command", "recovery_", "primary_")
# Patroni tries to start it meanwhile: of one that runs by now nothing is touched.
_TAKE_OUT = "runs() {{ {runs}; }}; runs || sed -i.{kept} -E {script} {path}"


def altered_corrected(cluster: Cluster, down: Iterable[Node], parameters: Mapping[str, Any]) -> Commands:
    """
    Take what is declared otherwise out of the files of members that do not start; the old file is kept beside. What
    nobody declares is left alone, and named: it may be what PostgreSQL does not start with.

    + down: those members
    + parameters: the declared ones of PostgreSQL
    """
    declared = {name.lower(): value for name, value in parameters.items()}
    nodes, data = {node.name: node for node in down}, cluster.data_directory
    for name, seen in read(nodes.values(), PostgresAltered, data=data).items():
        found = {one: value for one, value in (seen or {}).items() if not one.startswith(_RESTORES)}
        wrong = [one for one, value in found.items() if one in declared and not same(declared[one], value)]
        if wrong:
            host.log(f"{name}: takes {', '.join(wrong)} out of {FILE}, where ALTER SYSTEM put it")
            yield Act(nodes[name], StringCommand(_taken_out(data, wrong)))
        if left := [one for one in found if one not in declared]:
            host.log(f"{name}: {FILE} sets {', '.join(left)}, which is not declared; declared, it is removed there")


def _taken_out(data: str, names: Iterable[str]) -> str:
    kept = f"before-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    words = "|".join(one.replace(".", "[.]") for one in names)
    path, runs = quote(f"{data}/{FILE}"), RUNS.format(data=quote(data))
    return _TAKE_OUT.format(runs=runs, kept=kept, script=quote(rf"/^\s*({words})(\s|=)/Id"), path=path)
