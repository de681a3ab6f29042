"""Declared parameters that are not the user's, or dangerous: found before any host is touched."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.parameters.owned import ACCEPTED, DANGERS, absent_names, is_dangerous, owned

PARAMETERS, WHERE = "postgres_parameters", "group_data/all.py"


def archives(cluster: Cluster) -> bool:
    """Whether a cluster has an archive: its own, or the one of its source."""
    return cluster.repository is not None or (cluster.source is not None and cluster.source.repository is not None)


def declared_findings(cluster: Cluster) -> Iterator[Finding]:
    """
    Every declared parameter that belongs to this tool, with what is set instead, and every dangerous one that is not
    named. None takes one away: that is right for what this tool does not set itself.
    """
    return (finding for _, finding in refused(cluster))


def refused(cluster: Cluster) -> Iterator[tuple[str, Finding]]:
    """The same, each with the name of its parameter."""
    settings = cluster.settings
    own = archives(cluster)
    for name, value in settings.postgres_parameters.items():
        found = owned(name, archives=own)
        if found is not None and not (value is None and _is_nobodys(name, archives=own)):
            yield name, Finding(WHERE, PARAMETERS, f"{name} is not declared here: {found.reason}", found.way)
        elif is_dangerous(name, value) and name not in settings.postgres_accepted_dangers:
            hint = f"Take it out, or accept that: {ACCEPTED} = ['{name}']."
            yield name, Finding(WHERE, PARAMETERS, f"{name} {value!r} is dangerous: {DANGERS[name].loss}", hint)


def _is_nobodys(name: str, *, archives: bool) -> bool:
    """Whether the configuration of the cluster does without a parameter, so that nothing is lost with it."""
    return name in absent_names(archives=archives) or not name.startswith(_SET)


# What the configuration holds of what is owned: without a value of its own PostgreSQL would have another one.
_SET = ("ssl", "archive_", "password_encryption", "log_directory", "logging_collector")
