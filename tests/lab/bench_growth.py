"""How a run that changes nothing grows with the clusters of three in one inventory. For `make bench GROWTH="1 3 5"`.

Real containers: a plan on simulated hosts would leave out what connections and answers cost. Five clusters are fifteen
hosts in two labs; beyond about 25 on one machine the kernel's fs.inotify.max_user_instances, 128, is too small.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.bench_run import SMALL, Measured, measured_run
from tests.lab.inventory import Entry, groups_text, inventory_groups
from tests.lab.labs import find_lab
from tests.lab.lifecycle import down, reserve, up
from tests.lab.paths import ROOT
from tests.lab.spec import Lab

MEMBERS, A_LAB = 3, 3  # of a cluster, and clusters in a lab, whose hosts are pg1 to pg9
TIMES = 3


@dataclass(frozen=True)
class Place:
    """Where a cluster is. + names: of its hosts"""

    cluster: str
    lab: Lab
    names: tuple[str, ...]


def places(labs: Sequence[Lab], count: int) -> list[Place]:
    """The first clusters in these labs, each on hosts of its own."""
    return [
        Place(
            f"growth{n + 1}", labs[n // A_LAB], tuple(f"pg{MEMBERS * (n % A_LAB) + k}" for k in range(1, MEMBERS + 1))
        )
        for n in range(count)
    ]


def text_of(listed: Sequence[Place]) -> str:
    """One inventory of several clusters."""
    groups: dict[str, list[Entry]] = {}
    for one in listed:
        extra = {**SMALL, "cluster_name": one.cluster}
        for group, entries in inventory_groups(one.lab, one.names, extra=extra).items():
            groups.setdefault(group, []).extend(entries)
    return groups_text(f"{len(listed)} clusters: containers on this machine.", groups)


@contextmanager
def labs_for(count: int) -> Iterator[list[Lab]]:
    """Labs with hosts for so many clusters, gone at the end with their secrets."""
    names = [f"bench-growth{n + 1}" for n in range(-(-count // A_LAB))]
    labs = []
    try:
        for name in names:
            down(find_lab(name))
            labs.append(reserve(name))
        for lab in labs:
            up(lab, [name for one in places(labs, count) if one.lab == lab for name in one.names])
        yield labs
    finally:
        for lab in labs:
            down(lab)
        for n in range(count):
            shutil.rmtree(ROOT / ".secrets" / f"growth{n + 1}", ignore_errors=True)


def print_growth(directory: Path, counts: Sequence[int]) -> None:
    """Build the most clusters at once, then let runs of one and more of them find nothing to do."""
    with labs_for(max(counts)) as labs:
        listed = places(labs, max(counts))
        print_one("built", len(listed), measured_run(_inventory(directory, listed)))
        for count in counts:
            inventory = _inventory(directory, listed[:count])
            runs = [measured_run(inventory) for _ in range(TIMES)]
            print_one("nothing to do", count, min(runs, key=lambda one: one.seconds))


def print_one(what: str, clusters: int, run: Measured) -> None:
    """A line of the table."""
    hosts = clusters * MEMBERS
    print(
        f"  {what:<14} {clusters} clusters, {hosts:2} hosts: {run.seconds:6.1f} s, control machine "
        f"{run.cpu_seconds:5.1f} s of CPU, {run.cpu_seconds / hosts:.2f} a host, {run.memory_mib:.0f} MiB",
        flush=True,
    )


def _inventory(directory: Path, listed: Sequence[Place]) -> Path:
    path = directory / f"growth-{len(listed)}.py"
    path.write_text(text_of(listed))
    return path
