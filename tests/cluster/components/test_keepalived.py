"""keepalived.conf: equal hosts, their peers, and what makes one better than another."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cluster.components.component import Component
from cluster.components.keepalived import (
    CONFIGURATION,
    DROP_IN,
    configuration_text,
    instances,
    keepalived_component,
    vrrp_peers,
)
from cluster.declared.model import Cluster
from tests.world.hosts import fake_cluster

ROLES = ("postgres", "etcd", "haproxy")
BOTH = {"vip_write": ["10.0.0.100", "fd00::100"], "vip_read": ["10.0.0.101"]}


def a_cluster(count: int = 3, **settings: Any) -> Cluster:
    given = {"vip_mode": "haproxy", "vip_interface": "eth0", **BOTH, **settings}
    return fake_cluster(count, ROLES, **given)


def text(cluster: Cluster, name: str = "h1") -> str:
    return configuration_text(cluster, cluster.node(name))


def block(words: str, text: str) -> list[str]:
    """What stands in each block of a name, without the blanks."""
    return [" ".join(found.split()) for found in re.findall(rf"\b{words} \{{([^{{}}]*)\}}", text)]


def test_each_host_knows_its_own_address_and_the_others() -> None:
    for n in (1, 2, 3):
        others = " ".join(f"10.0.0.{m}" for m in (1, 2, 3) if m != n)
        assert block("unicast_peer", text(a_cluster(), f"h{n}")) == [others, others]
        assert text(a_cluster(), f"h{n}").count(f"unicast_src_ip 10.0.0.{n}\n") == 2


def test_all_hosts_are_equal_until_one_has_a_server_that_others_lack() -> None:
    texts = [text(a_cluster(), f"h{n}") for n in (1, 2, 3)]
    for one in texts:
        assert set(re.findall(r"priority \d+|state \w+|weight \d+", one)) == {
            "priority 100",
            "state BACKUP",
            "weight 20",
        }
        assert "nopreempt" not in one
        assert block("track_script", one) == ["haproxy_answers write_served", "haproxy_answers read_served"]
    alive = texts[0][texts[0].index("vrrp_script haproxy_answers") : texts[0].index("vrrp_script write_served")]
    assert "weight" not in alive  # with one, a host without HAProxy would only be worse


def test_addresses_of_the_other_family_go_beside() -> None:
    assert block("virtual_ipaddress", text(a_cluster())) == ["10.0.0.100/32 dev eth0", "10.0.0.101/32 dev eth0"]
    assert block("virtual_ipaddress_excluded", text(a_cluster())) == ["fd00::100/128 dev eth0"]


def test_of_hosts_with_ipv6_the_ipv4_address_goes_beside() -> None:
    cluster = a_cluster(1, cluster_address="fd00::1", vip_read=[])
    (write,) = instances(cluster, cluster.node("h1"))
    assert ([str(one) for one in write.addresses], [str(one) for one in write.excluded]) == (
        ["fd00::100"],
        ["10.0.0.100"],
    )


@pytest.mark.parametrize(("fallback", "sections"), [("primary", "replicas primary"), ("none", "replicas")])
def test_readers_are_led_where_haproxy_leads_them(fallback: str, sections: str) -> None:
    shown = text(a_cluster(haproxy_replicas_fallback=fallback))
    assert f'/run/haproxy/admin.sock {sections}"' in shown and '/run/haproxy/admin.sock primary"' in shown


def test_without_readers_there_is_one_instance() -> None:
    assert re.findall(r"vrrp_instance (\w+)", text(a_cluster(vip_read=[]))) == ["write"]


def test_numbers_follow_each_other() -> None:
    cluster = a_cluster(vip_router_id=40)
    assert [one.number for one in instances(cluster, cluster.node("h1"))] == [40, 41]


def test_one_host_alone_has_no_peers() -> None:
    assert "unicast_peer" not in text(a_cluster(1))


def test_without_the_mode_a_host_has_nothing_of_it() -> None:
    cluster = fake_cluster(3, ROLES)
    node = cluster.node("h1")
    assert keepalived_component(cluster, node) == Component()
    assert vrrp_peers(cluster, node) == ()


def test_a_file_that_keepalived_refuses_takes_no_place_and_the_mark_is_written_first() -> None:
    cluster = a_cluster()
    component = keepalived_component(cluster, cluster.node("h1"))
    files = {file.path: file for file in component.files}
    check = files[CONFIGURATION].check
    assert check is not None and "keepalived --config-test" in check and "script_user root" in check
    assert "script_user haproxy haproxy\n" in files[CONFIGURATION].content
    assert component.files[0].path == DROP_IN
    (unit,) = component.units
    assert unit.load == "systemctl reload keepalived"  # a restart would give the addresses away


POOLED = {"pgbouncer_on": "haproxy", "pgbouncer_processes": 2, "pgbouncer_session_size": 3}


def test_a_host_is_better_while_its_pools_answer_but_not_as_much_as_for_a_primary() -> None:
    one = text(a_cluster(**POOLED))
    assert block("track_script", one) == [
        "haproxy_answers write_served write_pooled",
        "haproxy_answers read_served read_pooled",
    ]
    asked = {
        use: re.findall(r"/run/pgbouncer/([a-z0-9-]+)/", one.split(f"vrrp_script {use}_pooled")[1].split("}")[0])
        for use in ("write", "read")
    }
    assert asked == {"write": ["write-1", "write-2", "session-1", "session-2"], "read": ["read-1", "read-2"]}
    weights = [int(word) for word in re.findall(r"weight (\d+)", one)]
    assert weights == [20, 10, 20, 10]
    # Equal deficits change nothing: all hosts have the same priority, and none is taken for failed by a pool.
    assert all("weight" in part for part in one.split("vrrp_script ")[1:] if part.startswith(("write_p", "read_p")))


def test_pools_on_members_are_none_of_its_business() -> None:
    assert "pooled" not in text(a_cluster(pgbouncer_on="members"))
