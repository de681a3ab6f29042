"""The findings of a check in the order in which to look at them: causes before what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cluster.checks.check_finding import CheckFinding
from cluster.finding_types.catalogue import FINDING_TYPES, REMARK, SEVERITIES

# The parts of a cluster from the ground up: what is wrong with one may be all that is wrong with those behind it.
LAYERS = (
    *("host", "mount", "disk", "clock", "firewall", "certificate", "file", "packages", "unit", "etcd"),
    *(
        "Patroni",
        "PostgreSQL",
        "standby cluster",
        "restore",
        "slot",
        "pool",
        "HAProxy",
        "address",
        "backup",
        "monitoring",
    ),
)

# What may follow from a kind, wherever in the cluster it shows.
EVERYWHERE: dict[str, tuple[str, ...]] = {
    "host-silent": (
        *("etcd-unhealthy", "etcd-one-left", "etcd-no-quorum", "member-missing", "no-leader", "few-synchronous"),
        *("no-synchronous", "writes-wait", "slot-inactive", "slot-keeps-much", "haproxy-no-primary", "vip-unheld"),
        *("bgp-alone", "repository-unusable", "archiver-failing", "wal-waiting", "wal-stuck", "standby-not-streaming"),
    ),
    "disk-full": (
        *(
            "etcd-alarm",
            "etcd-unhealthy",
            "etcd-no-quorum",
            "no-leader",
            "archiver-failing",
            "wal-waiting",
            "wal-stuck",
        ),
        *(
            "slot-inactive",
            "haproxy-no-primary",
            "member-missing",
            "few-synchronous",
            "no-synchronous",
            "not-streaming",
        ),
    ),
    "repository-full": (
        "archiver-failing",
        "wal-waiting",
        "wal-stuck",
        "backup-failed",
        "backup-old",
        "wal-unarchived",
    ),
    "unit-down": (
        *("etcd-unhealthy", "etcd-one-left", "etcd-no-quorum", "no-leader", "member-missing", "haproxy-no-primary"),
        *("few-synchronous", "no-synchronous", "slot-inactive", "repository-unusable", "vip-unheld", "writes-wait"),
    ),
    "etcd-no-quorum": (
        *("no-leader", "patroni-silent", "haproxy-no-primary", "vip-unheld", "writes-wait", "etcd-unhealthy"),
        *("not-streaming", "member-missing", "pgbouncer-silent", "pgbouncer-waiting", "etcd-one-left"),
    ),
    "etcd-alarm": ("no-leader", "haproxy-no-primary", "configuration-differs"),
    "no-leader": (
        "haproxy-no-primary",
        "not-streaming",
        "vip-unheld",
        "writes-wait",
        "archiver-failing",
        "pgbouncer-waiting",
    ),
    "member-down": ("few-synchronous", "no-synchronous", "writes-wait", "slot-inactive", "slot-keeps-much"),
    "not-streaming": ("few-synchronous", "no-synchronous", "writes-wait", "slot-inactive", "slot-keeps-much", "lag"),
    "slot-inactive": ("slot-keeps-much", "disk-nearly-full"),
    "repository-unusable": (
        "archiver-failing",
        "wal-waiting",
        "wal-stuck",
        "backup-old",
        "backup-none",
        "drill-failed",
    ),
    "archiver-failing": ("wal-waiting", "wal-stuck", "wal-unarchived", "disk-nearly-full"),
    "paused": ("member-down", "no-leader", "replay-paused"),
    "two-primaries": ("other-timeline", "not-streaming", "haproxy-two-primaries"),
}
# On its own host each of these may be behind everything of a higher layer.
ON_ITS_HOST = (
    *("host-silent", "answer-missing", "mount-missing", "disk-full", "clock", "certificate-absent"),
    *("certificate-expired", "certificate-misfit", "certificate-other-ca", "unit-down", "postgres-silent"),
)


@dataclass
class Cause:
    """A finding to look at, with those that may follow from it. + also: how it is the same on other hosts"""

    finding: CheckFinding
    explains: list[CheckFinding] = field(default_factory=list)


def ranked(found: Sequence[CheckFinding]) -> list[Cause]:
    """
    The causes, the first to be looked at first. Each finding is a cause or follows from one; remarks are left out.

    + found: ``all_findings`` of one cluster
    """
    order = sorted((one for one in found if one.severity != REMARK), key=_place)
    causes: list[Cause] = []
    for one in order:
        behind = next((cause for cause in causes if explains(cause.finding, one)), None)
        if behind is None:
            causes.append(Cause(one))
        else:
            behind.explains.append(one)
    # An alarm is looked at before a warning, and so is a warning that explains one.
    return sorted(causes, key=lambda cause: min(SEVERITIES.index(one.severity) for one in _all(cause)))


def _all(cause: Cause) -> list[CheckFinding]:
    return [cause.finding, *cause.explains]


def _place(one: CheckFinding) -> tuple[int, int, int, str]:
    """From the ground up, and what explains more first."""
    layer = LAYERS.index(FINDING_TYPES[one.kind].what)
    return layer, SEVERITIES.index(one.severity), -len(EVERYWHERE.get(one.kind, ())), one.finding.where


def explains(cause: CheckFinding, one: CheckFinding) -> bool:
    """Whether a finding may be there only because of another one."""
    if cause.kind == one.kind:
        return False
    if one.kind in EVERYWHERE.get(cause.kind, ()):
        return True
    higher = LAYERS.index(FINDING_TYPES[one.kind].what) > LAYERS.index(FINDING_TYPES[cause.kind].what)
    return cause.kind in ON_ITS_HOST and higher and one.finding.where == cause.finding.where


def ranking_lines(name: str, causes: Sequence[Cause]) -> list[str]:
    """The screen. + name: of the cluster; + causes: ``ranked``"""
    if not causes:
        return [f"{name}: nothing to complain about"]
    noun = "cause" if len(causes) == 1 else "causes"
    lines = [f"{name}: {len(causes)} {noun} to look at, in this order"]
    for number, cause in enumerate(causes, 1):
        lines += ["", *_lines(number, cause)]
    return lines


def _lines(number: int, cause: Cause) -> Iterator[str]:
    one = cause.finding.finding
    yield f"  {number}. {cause.finding.severity}: {one.where}, {one.what}: {one.problem}"
    yield f"     HINT: {one.hint}"
    for follows in cause.explains:
        yield f"     may explain {follows.finding.where}, {follows.finding.what}: {follows.finding.problem}"
