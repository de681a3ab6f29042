"""Through which endpoints a probe goes, from where the run is started."""

import json

import pytest

from cluster.endpoints.probe_question import probe_question
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.secrets.secrets import Secret

PORTS = {5000: 15000, 5001: 15001, 5432: 15432}


def question(hosts, **settings):
    """+ hosts: name to groups; published ports for each when a setting says so"""
    declared = [
        DeclaredHost(name, groups, {"cluster_address": f"fd82::{n}" if n == 3 else f"10.0.0.{n}", **settings}, {})
        for n, (name, groups) in enumerate(hosts.items(), 1)
    ]
    clusters, findings = declared_clusters(declared, {})
    assert findings == []
    asked = probe_question(clusters["main"], Secret("of-the-admin"), "/somewhere/ca.crt")
    assert "of-the-admin" not in repr(asked)
    return json.loads(asked)


def endpoints(ways):
    (parameters,) = ways
    return parameters["host"], parameters["port"], parameters.get("target_session_attrs")


ALL = ("postgres", "etcd", "haproxy")
ALONE = ("postgres", "etcd")


def test_through_every_haproxy():
    asked = question({"a": ALL, "b": ALL, "c": ALL})
    assert endpoints(asked["write"]) == ("10.0.0.1,10.0.0.2,fd82::3", "5000,5000,5000", "read-write")
    assert endpoints(asked["read"]) == ("10.0.0.1,10.0.0.2,fd82::3", "5001,5001,5001", None)


def test_as_the_admin_who_verifies_what_answers():
    (login,) = question({"a": ALL})["write"]
    assert (login["user"], login["password"], login["dbname"]) == ("admin", "of-the-admin", "postgres")
    assert (login["sslmode"], login["sslrootcert"]) == ("verify-full", "/somewhere/ca.crt")


def test_to_the_members_themselves_where_there_is_no_haproxy():
    asked = question({"a": ALONE, "b": ("postgres",)})
    assert endpoints(asked["write"]) == ("10.0.0.1,10.0.0.2", "5432,5432", "read-write")
    assert endpoints(asked["read"]) == ("10.0.0.1,10.0.0.2", "5432,5432", "prefer-standby")


@pytest.mark.parametrize(("groups", "write", "read"), [(ALL, "15000", "15001"), (ALONE, "15432", "15432")])
def test_through_published_ports_where_there_are_some(groups, write, read):
    asked = question({"a": groups}, cluster_published_ports=PORTS)
    assert endpoints(asked["write"]) == ("127.0.0.1", write, "read-write")
    assert endpoints(asked["read"])[:2] == ("127.0.0.1", read)


def test_nothing_is_read_where_the_replicas_port_leads_nowhere():
    assert question({"a": ALL}, haproxy_replicas_fallback="none")["read"] == []


def test_virtual_addresses_come_first():
    """The hosts stay a way in: a machine that runs this need not have a route to an address."""
    addresses = {
        "vip_mode": "haproxy",
        "vip_interface": "eth0",
        "vip_write": ["10.0.0.100"],
        "vip_read": ["10.0.0.101"],
    }
    asked = question({"a": ALL}, **addresses)
    assert [endpoints([way])[:2] for way in asked["write"]] == [("10.0.0.100", "5000"), ("10.0.0.1", "5000")]
    assert [endpoints([way])[:2] for way in asked["read"]] == [("10.0.0.101", "5001"), ("10.0.0.1", "5001")]
