"""Data that lies on a host, and PostgreSQL that runs there: whether they are this cluster's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.components.data_mounts import note_path
from cluster.components.patroni_unit import SERVICE as PATRONI_UNIT
from cluster.declared.model import Cluster, Node
from cluster.finding_types.catalogue import FINDING_TYPES
from cluster.findings import Finding
from cluster.plans.restore.in_place import turns_in
from cluster.verdicts.lives import is_foreign

Picture = Mapping[str, Any]


def data_findings(
    cluster: Cluster,
    reached: Mapping[str, Picture],
    keys: Mapping[str, str] | None,
    *,
    restores: bool = False,
    adopts: bool = False,
) -> Iterable[Finding]:
    """
    Foreign data, foreign PostgreSQL and foreign Patroni on the members.

    + reached: ``HostPicture`` by name of the hosts to be judged
    + keys: what etcd holds below the cluster's prefix; None when etcd does not answer, which says nothing about data
    + restores: this run goes on with a restore that is not finished
    + adopts: this run bootstraps the cluster with the data that members have, unless etcd knows other ones
    """
    for node in cluster.members:
        if node.name in reached:
            picture = reached[node.name]
            if picture["rebuilding"]:
                yield _unfinished_etcd(node)
                continue
            if picture["restoring"]:
                yield from () if restores else (_unfinished(node),)
                continue
            yield from _other_scope(cluster, node, picture)
            yield from _running(cluster, node, picture)
            yield from _moved_port(cluster, node, picture)
            if not (adopts and _is_adoptable(cluster, picture, keys)):
                yield from _directory(cluster, node, picture, keys)


def mount_findings(pictures: Mapping[str, Picture]) -> Iterable[Finding]:
    """Every file system with data that is not mounted: nothing may be made anew in its place. + pictures: as above"""
    for name, picture in pictures.items():
        for one in picture["unmounted"]:
            cure = FINDING_TYPES["mount-missing"].cure.format(where=name, path=note_path(one["name"]))
            yield Finding(name, "mount", one["problem"], cure)


def _is_adoptable(cluster: Cluster, picture: Picture, keys: Mapping[str, str] | None) -> bool:
    """Data of this version, of which etcd says nothing else."""
    data, known = picture["data"] or {}, (keys or {}).get(cluster.key("initialize"))
    fits = data.get("version") == str(cluster.settings.postgres_version) and data.get("identifier") is not None
    return fits and known in (None, "", data["identifier"])


def _unfinished(node: Node) -> Finding:
    problem = "a restore of this host was started and is not finished"
    hint = (
        "Run deploys/restore.py again with the same words; --data cancel=true ends it. Nothing else may begin now, "
        "except deploys/configure.py, for a parameter with which PostgreSQL does not start."
    )
    return Finding(node.name, "restore", problem, hint)


def _unfinished_etcd(node: Node) -> Finding:
    problem = "the rebuilding of etcd was started and is not finished"
    return Finding(node.name, "etcd", problem, "Run deploys/etcd_restore.py again; nothing else may begin now.")


def _is_ours(cluster: Cluster, picture: Picture) -> bool:
    return bool(picture["scope"] == cluster.name)


def _other_scope(cluster: Cluster, node: Node, picture: Picture) -> Iterable[Finding]:
    if picture["scope"] is not None and not _is_ours(cluster, picture):
        problem = f"Patroni on this host is configured for the cluster {picture['scope']}, not {cluster.name}"
        hint = f"A host is in one cluster: remove it from this inventory, or first from {picture['scope']}."
        yield Finding(node.name, "cluster_name", problem, hint)


def _running(cluster: Cluster, node: Node, picture: Picture) -> Iterable[Finding]:
    port, data = cluster.settings.postgres_port, picture["data"] or {}
    declared = data.get("path") or cluster.data_directory
    units = {one["unit"] for one in picture["listening"] if one["port"] == port}
    for server in picture["postgres"]:
        unit, directory = server["unit"], server["directory"]
        if unit != PATRONI_UNIT and (unit in units or directory == declared):
            of_unit = f"unit {unit}" if unit else "no systemd unit"
            problem = f"a PostgreSQL that is not Patroni's runs here: data in {directory}, {of_unit}"
            yield Finding(node.name, "PostgreSQL", problem, _stop_hint(unit))
        elif unit == PATRONI_UNIT and _is_ours(cluster, picture) and directory != declared:
            problem = f"the cluster's PostgreSQL runs with the data in {directory}, declared is {declared}"
            hint = (
                "Set postgres_version and postgres_data_directory as they were: neither changes in a running cluster."
            )
            yield Finding(node.name, "PostgreSQL", problem, hint)


def _moved_port(cluster: Cluster, node: Node, picture: Picture) -> Iterable[Finding]:
    """HAProxy would lead to the new port at once, PostgreSQL listen on it only after its restart."""
    served = sorted({one["port"] for one in picture["listening"] if one["unit"] == PATRONI_UNIT})
    served = [port for port in served if port != cluster.settings.patroni_rest_port]
    port = cluster.settings.postgres_port
    if _is_ours(cluster, picture) and picture["postgres"] and served and port not in served:
        problem = f"the cluster's PostgreSQL listens on {served[0]}, declared is {port}"
        yield Finding(
            node.name, "postgres_port", problem, f"Set postgres_port = {served[0]}: a running cluster keeps it."
        )


def _stop_hint(unit: str) -> str:
    found = re.fullmatch(r"postgresql@(\d+)-(.+)\.service", unit)
    if found:
        return f"If it is not needed: `pg_dropcluster --stop {found[1]} {found[2]}`. Otherwise take another host."
    return "Stop and disable it if it is not needed. Otherwise take another host."


def _directory(cluster: Cluster, node: Node, picture: Picture, keys: Mapping[str, str] | None) -> Iterable[Finding]:
    data, path = picture["data"], cluster.data_directory
    if data is None or data["state"] in ("absent", "empty", "begun"):
        return
    finding = _unusable(cluster, data, path) if data["version"] is None else _foreign(cluster, picture, keys)
    if finding is not None:
        yield Finding(node.name, "data directory", *finding)
    if data["version"] is not None and data["version"] != str(cluster.settings.postgres_version):
        problem = f"{path} holds PostgreSQL {data['version']}, declared is {cluster.settings.postgres_version}"
        hint = f"Set postgres_version = {data['version']}; a newer major version takes an upgrade, not another number."
        yield Finding(node.name, "postgres_version", problem, hint)


def _unusable(cluster: Cluster, data: Mapping[str, Any], path: str) -> tuple[str, str] | None:
    if data["state"] == "unreadable":
        return f"{path} cannot be read: {data['detail']}", "Unread is not empty: nothing is done until it can be read."
    if data["state"] == "no directory":
        return f"{path} is not a directory", "Move it away, or declare another postgres_data_directory."
    problem = f"{path} is not empty and holds no PostgreSQL data, but {data['detail']}"
    if "lost+found" in data["detail"]:
        return problem, "It is a mount point: declare a directory below it as postgres_data_directory."
    return problem, "Look what it is and move it away, or declare another postgres_data_directory."


def _foreign(cluster: Cluster, picture: Picture, keys: Mapping[str, str] | None) -> tuple[str, str] | None:
    data, ours = picture["data"], _is_ours(cluster, picture)
    holds = f"{cluster.data_directory} holds a PostgreSQL {data['version']} cluster"
    if data["identifier"] is None:
        # Patroni's own half made copy: it makes it anew.
        return None if ours else (f"{holds} without pg_control, which cannot start", _keep_hint(data["path"]))
    named = f"{holds} with system identifier {data['identifier']}"
    if keys is None:
        # With etcd away nobody knows the right identifier, and Patroni's own member is no stranger here.
        return None if ours else (f"{named}, and Patroni here does not manage it", _keep_hint(data["path"]))
    known = keys.get(cluster.key("initialize"))
    same = known == data["identifier"]
    if same and not ours and is_foreign(data, turns_in(cluster, keys)):
        # Patroni would wind them back to this cluster's, and what only they have would be gone.
        problem = f"{named}, that of {cluster.name}, but a history of their own on timeline {data['timeline']}"
        hint = "They are of a copy or an original of this cluster, and would be written over. Move them away: "
        return problem, hint + _move(data["path"])
    return _unlike(cluster, named, data, known)


def _unlike(cluster: Cluster, named: str, data: Mapping[str, Any], known: str | None) -> tuple[str, str] | None:
    if known is None:
        hint = "If it is this cluster's, restore etcd, or begin with it: `--data adopt=true`. Else move it away: "
        return f"{named}, and etcd knows no cluster {cluster.name}", hint + _move(data["path"])
    if known in ("", data["identifier"]):  # empty: the first member is about to begin the cluster
        return None
    problem = f"{named}, the cluster {cluster.name} in etcd has {known}"
    return problem, f"It is another cluster's data. Move it away, and Patroni makes a new copy: {_move(data['path'])}"


def _keep_hint(path: str) -> str:
    return (
        f"Nothing is overwritten. Declare another postgres_data_directory, or move it away: {_move(path)} "
        "If it is this cluster's own: `--data adopt=true`."
    )


def _move(path: str) -> str:
    return f"`mv {path} {path}.old`."
