"""A standby cluster on real hosts: built, fed in both ways, promoted when its source is lost, and refused before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.inventory import host_data
from tests.lab.paths import ROOT
from tests.lab.runs import CLUSTER, SMALL, Run, run, site
from tests.lab.spec import Lab

SOURCE, COPY = ("pg1", "pg2"), ("pg3", "pg4")
COPY_NAME = "st-copy"
PHASE_SECONDS = 90


@dataclass(frozen=True)
class Pair:
    """Two clusters in one lab: the source bears the lab's name. + run: that built both"""

    lab: Lab
    inventory: Path
    run: Run


def write_pair(lab: Lab, path: Path, **of_copy: object) -> None:
    """The inventory of both clusters. + of_copy: settings of the standby cluster alone"""
    hba = [f"hostssl all all {network} scram-sha-256" for network in (lab.subnet4, lab.subnet6)]
    shared = {**SMALL, "postgres_hba": hba}
    own = {**shared, "cluster_name": lab.name}
    copied = {**shared, "cluster_name": COPY_NAME, "patroni_standby_of": lab.name, **of_copy}
    declared = dict.fromkeys(SOURCE, own) | dict.fromkeys(COPY, copied)
    entries = {name: (lab.host(name).container, host_data(lab.host(name), extra=declared[name])) for name in declared}
    members = [entries[name] for name in (*SOURCE, *COPY)]
    voters = [lab.host(name).container for name in (SOURCE[0], COPY[0])]
    balancers = [lab.host(name).container for name in (*SOURCE, COPY[0])]
    repository = [lab.host(SOURCE[0]).container]
    path.write_text(f"postgres = {members!r}\netcd = {voters}\nhaproxy = {balancers}\nbackup = {repository}\n")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both clusters, built in one run on fresh hosts."""
    directory = tmp_path_factory.mktemp("st")
    with site("st-source", directory, hosts=(*SOURCE, *COPY)) as ready:
        write_pair(ready.lab, ready.inventory)
        yield Pair(ready.lab, ready.inventory, run(ready.inventory, CLUSTER))
    if os.environ.get("KEEP_LAB") != "1":
        shutil.rmtree(ROOT / ".secrets" / COPY_NAME, ignore_errors=True)


def test_both(pair: Pair) -> None:
    print(pair.run)
