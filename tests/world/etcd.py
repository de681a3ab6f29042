"""What etcd answers on a host, see the fact ``EtcdCluster``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from facts.etcd import EtcdCluster
from tests.world.answers import encoded, lines
from tests.world.world import Lines, World, answer

QUESTIONS = ("health", "members", "alarms", "keys")


def etcd(
    members: Iterable[Mapping[str, Any]] = (),
    keys: Mapping[str, str] | None = None,
    health: Sequence[Mapping[str, Any]] = (),
    alarms: str = "",
    fails: Iterable[str] = (),
) -> list[str]:
    """
    The answer of a host with etcd.

    + members: as etcdctl lists them; + keys: by name, in clear; + health: an entry an endpoint
    + fails: questions that are not answered
    """
    pairs = [{"key": encoded(key), "value": encoded(value)} for key, value in (keys or {}).items()]
    said = (json.dumps(list(health)), json.dumps({"members": list(members)}), alarms, json.dumps({"kvs": pairs}))
    named = dict(zip(QUESTIONS, said, strict=True))
    late = dict.fromkeys(set(fails) - {"health"}, "Error: context deadline exceeded")  # of its health each is heard
    return lines({name: (late.get(name, text), int(name in fails)) for name, text in named.items()})


def etcd_member(number: int, name: str, url: str, **other: Any) -> dict[str, Any]:
    """A member as etcdctl lists it. + name: empty before it has started; + other: what differs"""
    return {"ID": number, **({"name": name} if name else {}), "peerURLs": [url], **other}


def addresses_in(endpoints: Iterable[str]) -> list[str]:
    """The addresses of etcd's endpoints."""
    return [found[1] for one in endpoints if (found := re.fullmatch(r"https://([\d.]+):2379", one))]


class SilentEtcd(World):
    """The part of a world whose etcd answers everywhere, and of which nothing else matters."""

    @answer(EtcdCluster)
    def _etcd(self, host: str, **_: Any) -> Lines:
        return etcd()
