"""The releases of Debian and Ubuntu that are supported, and which PostgreSQL is to be had on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PGDG_VERSIONS = (15, 16, 17, 18)  # https://apt.postgresql.org: every supported major version, for every release below

_NAMES = {"debian": "Debian", "ubuntu": "Ubuntu"}


@dataclass(frozen=True, order=True)
class Release:
    """A release of an operating system, as /etc/os-release names it. + version: e.g. ``12`` or ``24.04``"""

    id: str
    codename: str
    version: str

    @classmethod
    def from_observed(cls, seen: Mapping[str, str]) -> Release:
        """The release of a host. + seen: ``release`` of the fact ``HostPackages``"""
        return cls(seen["id"], seen["codename"], seen["version"])

    @property
    def system(self) -> str:
        """The name of the operating system."""
        return _NAMES.get(self.id, self.id)

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.system}{version} ({self.codename})" if self.codename else f"{self.system}{version}"


@dataclass(frozen=True)
class Offer:
    """What a release's own packages are. + postgres: the one major version; + others: major and minor version"""

    postgres: int
    etcd: tuple[int, int]
    patroni: tuple[int, int]
    pgbouncer: tuple[int, int]
    python: tuple[int, int]


# Read from the package lists of the releases' archives in November 2026, but for Ubuntu's PgBouncer.
OFFERS: Mapping[Release, Offer] = {
    Release("debian", "bookworm", "12"): Offer(15, (3, 4), (3, 0), (1, 18), (3, 11)),
    Release("debian", "trixie", "13"): Offer(17, (3, 5), (4, 0), (1, 24), (3, 13)),
    Release("ubuntu", "jammy", "22.04"): Offer(14, (3, 3), (2, 1), (1, 16), (3, 10)),
    Release("ubuntu", "noble", "24.04"): Offer(16, (3, 4), (3, 2), (1, 22), (3, 12)),
    Release("ubuntu", "resolute", "26.04"): Offer(18, (3, 5), (4, 1), (1, 25), (3, 14)),
}

# 3.3 has neither learners nor the /v3 gateway by that name, which joining members and Patroni rely on.
ETCD_FLOOR = (3, 4)
POSTGRES_FLOOR = 15
# The first with prepared statements in transaction pooling; auth_dbname is older.
PGBOUNCER_FLOOR = (1, 21)
# Hosts judge themselves with this project's own modules.
PYTHON_FLOOR = (3, 11)


def supported_releases() -> str:
    """The supported releases as a list for people."""
    return ", ".join(str(release) for release in OFFERS)


def offered_postgres(source: str, release: Release) -> tuple[int, ...] | None:
    """
    The major versions that a source has for a release. None: nobody knows, which is so for a mirror.

    + source: as ``packages_source``
    + release: a supported one
    """
    if source == "mirror":
        return None
    return PGDG_VERSIONS if source == "pgdg" else (OFFERS[release].postgres,)
