"""What etcd says of itself, and the keys that Patroni keeps in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

from cluster.components.etcd import etcdctl
from cluster.observed.etcd import SeenEtcd, SeenEtcdMember, SeenEtcdStatus
from facts.answer import ASK, Answer, answers, decoded

# Where a member's etcd serves its own host, unless etcd_client_port says otherwise.
HERE = ("https://127.0.0.1:2379",)

_ASK = r"""
{ask}
ectl() {{ {etcdctl} "$@"; }}
open() {{ timeout 1 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }}
if ! {{ {reachable}; }}; then
  for name in health members alarms keys; do ask $name sh -c 'echo nothing listens; exit 1'; done; exit 0
fi
end=$(( $(date +%s) + {wait} ))
until [ "$(date +%s)" -ge "$end" ] || ectl endpoint health >/dev/null 2>&1; do sleep 0.2; done
ask health ectl endpoint health -w json
ask members ectl member list -w json
ask alarms ectl alarm list
ask keys ectl get --prefix {prefix} -w json
"""


class EtcdCluster(Answer[SeenEtcd]):
    """
    The whole of etcd as one member's client sees it.

    Returns ``{"unhealthy": {endpoint: reason}, "members": [{id, name, peer_urls, learner, started}] or None,
    "alarms": [...] or None, "keys": {key: value} or None, "errors": {question: what etcdctl printed}}``. None means
    that etcd did not answer, which is not the same as an empty answer.

    + endpoints: client URLs to ask
    + prefix: keys below it are returned, e.g. ``/service/main/``
    + wait_seconds: how long to wait until all endpoints are healthy before asking; returns all the same after that
    + if_open: ask only when a port is open; etcdctl takes 20 s to find out that nobody is there
    """

    def command(
        self,
        endpoints: Sequence[str] = HERE,
        prefix: str = "/service/",
        wait_seconds: int = 0,
        if_open: bool = False,
    ) -> str:
        """One script: wait, then four questions."""
        return _ASK.format(
            ask=ASK,
            etcdctl=etcdctl(endpoints, quick=True),
            wait=wait_seconds,
            prefix=quote(prefix),
            reachable=" || ".join(map(_is_open, endpoints)) if if_open else "true",
        )

    def parsed(self, output: list[str]) -> SeenEtcd:
        """The four answers, parsed; an answer with a bad exit code is None and its text is kept."""
        found = answers(output, ("health", "members", "alarms", "keys"))
        return {
            "unhealthy": _unhealthy(*found["health"]),
            "members": _when_read(found["members"], _members),
            "alarms": _when_read(found["alarms"], _alarms),
            "keys": _when_read(found["keys"], _keys),
            "errors": {name: text for name, (code, text) in found.items() if code},
        }

    @classmethod
    def serves(cls, asked: Mapping[str, Any], wanted: Mapping[str, Any], seen: SeenEtcd) -> bool:
        """Where all are healthy and everything was answered, nobody has to be waited for, nor to be sought."""
        complete = not seen["unhealthy"] and not seen["errors"]
        return _place_of(asked) == _place_of(wanted) and (complete or dict(asked) == dict(wanted))


def _place_of(question: Mapping[str, Any]) -> tuple[object, object]:
    return list(question.get("endpoints", HERE)), question.get("prefix")


class EtcdBootstrapState(Answer[str]):
    """What etcd here would do with an empty data directory: ``new``, ``existing``; empty when nothing is written."""

    def command(self) -> str:
        """One word of one file."""
        return "! test -e /etc/etcd/bootstrap.env || sed -n 's/^ETCD_INITIAL_CLUSTER_STATE=//p' /etc/etcd/bootstrap.env"

    @staticmethod
    def default() -> str:
        """There is no such file."""
        return ""

    def parsed(self, output: list[str]) -> str:
        """The word."""
        return output[0]


class EtcdStatus(Answer[dict[str, SeenEtcdStatus]]):
    """
    Who leads etcd, and how large and how far each member is; an endpoint that does not answer is not in it.

    Returns ``{endpoint: {id, version, leads, learner, database_mib, raft_index, errors}}``.

    + endpoints: client URLs to ask
    """

    def command(self, endpoints: Sequence[str] = HERE) -> str:
        """One question; of dead endpoints etcdctl complains on the error output, and exits with 1 for them."""
        return f"{etcdctl(endpoints, quick=True)} endpoint status -w json 2>/dev/null || true"

    @staticmethod
    def default() -> dict[str, SeenEtcdStatus]:
        """Nobody answered."""
        return {}

    def parsed(self, output: list[str]) -> dict[str, SeenEtcdStatus]:
        """One JSON list."""
        said = json.loads("".join(line for line in output if line.startswith("[")) or "[]")
        return {entry["Endpoint"]: _status(entry["Status"]) for entry in said}


def _status(said: dict[str, Any]) -> SeenEtcdStatus:
    identifier = said["header"]["member_id"]
    return {
        "id": format(identifier, "x"),
        "version": said["version"],
        "leads": said.get("leader") == identifier,
        "learner": said.get("isLearner", False),
        "database_mib": said.get("dbSize", 0) // 1048576,
        "raft_index": said.get("raftIndex", 0),
        "errors": said.get("errors") or [],
    }


def _is_open(endpoint: str) -> str:
    url = urlsplit(endpoint)
    return f"open {url.hostname} {url.port}"


def _when_read(answer: tuple[int, str], parse: Any) -> Any:
    code, text = answer
    return parse(text) if code == 0 else None


def _unhealthy(code: int, text: str) -> dict[str, str]:
    # With a dead endpoint etcdctl prints JSON and then an error line on the same stream.
    line = next((line for line in text.splitlines() if line.startswith("[")), None)
    if line is None:
        return {"etcd": text.strip() or f"etcdctl exited with {code}"}
    return {entry["endpoint"]: entry.get("error", "unhealthy") for entry in json.loads(line) if not entry["health"]}


def _document(text: str) -> dict[str, Any]:
    """The one object that was asked for. On a busy host etcdctl logs on the same stream, in lines of JSON, too."""
    objects = (json.loads(line) for line in text.splitlines() if line.startswith("{"))
    found: dict[str, Any] | None = next((one for one in objects if "level" not in one), None)
    if found is None:
        raise ValueError(f"etcdctl printed no answer: {text[:80]!r}")
    return found


def _alarms(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("memberID")]


def _members(text: str) -> list[SeenEtcdMember]:
    return [
        {
            "id": format(member["ID"], "x"),
            "name": member.get("name", ""),
            "peer_urls": member["peerURLs"],
            "learner": member.get("isLearner", False),
            "started": bool(member.get("name")),
        }
        for member in _document(text)["members"]
    ]


def _keys(text: str) -> dict[str, str]:
    pairs = _document(text).get("kvs", [])
    return {decoded(pair["key"]): decoded(pair.get("value", "")) for pair in pairs}
