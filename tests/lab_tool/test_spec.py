"""The lab's names, addresses and ports: other people's scripts depend on them."""

import itertools
from collections import Counter

import pytest

from tests.lab.errors import LabError
from tests.lab.spec import DEFAULT_HOSTS, LAST_INDEX, NETWORKS, Lab, agreed, free_index

ALL_HOSTS = [f"{kind}{number}" for kind in ("pg", "backup", "etcd", "haproxy") for number in range(1, 10)]


def test_first_member_of_the_default_lab_is_where_the_documentation_says():
    host = Lab().host("pg1")
    assert (host.container, host.address4, host.address6) == ("lab-pg1", "10.82.0.11", "fd82::11")
    assert host.ssh_port == 22011
    assert host.published_ports == {
        5000: 15000,
        5001: 15001,
        5002: 15002,
        5003: 15003,
        5004: 15004,
        5432: 15432,
        7000: 17000,
        8008: 18008,
    }


def test_index_of_a_lab_moves_its_addresses_and_ports():
    host = Lab("other", 10).host("haproxy1")
    assert (host.address4, host.address6) == ("10.82.10.41", "fd82:0:0:a::41")
    assert host.ssh_port == 23041
    assert host.published_ports[5000] == 46000


def test_no_two_hosts_of_any_labs_share_a_port():
    labs = [Lab("lab", index) for index in range(LAST_INDEX + 1)]
    hosts = itertools.chain.from_iterable(lab.hosts(ALL_HOSTS) for lab in labs)
    ports = Counter(port for host in hosts for port in (host.ssh_port, *host.published_ports.values()))
    assert [port for port, times in ports.items() if times > 1] == []
    assert max(ports) < 65536


def test_host_is_found_by_its_short_and_by_its_full_name():
    lab = Lab("my-lab", 1)
    assert lab.host("my-lab-pg2") == lab.host("pg2")


@pytest.mark.parametrize("name", ["pg0", "pg10", "web1", "", "other-pg1"])
def test_refuses_a_host_that_a_lab_cannot_have(name):
    with pytest.raises(LabError, match="is not a host that a lab can have\nHINT: "):
        Lab().host(name)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"name": "Lab_1"}, r"lab name 'Lab_1' is not like \[a-z\]\[a-z0-9-\]\{0,19\}"),
        ({"index": 20}, "lab index 20 is not within 0..19"),
        ({"release": "sid"}, "release 'sid' is none of trixie, bookworm"),
        ({"flavour": "fat"}, "flavour 'fat' is none of packaged, bare"),
    ],
)
def test_refuses_a_lab_that_cannot_be(wrong, refusal):
    with pytest.raises(LabError, match=refusal):
        Lab(**wrong)


def test_index_0_belongs_to_the_default_lab_and_others_take_the_first_that_is_free():
    assert free_index("lab", {"other": 1}) == 0
    assert free_index("new", {}) == 1
    assert free_index("new", {"a": 1, "b": 3}) == 2


def test_refuses_one_lab_more_than_there_are_indices():
    taken = {f"lab{index}": index for index in range(1, LAST_INDEX + 1)}
    with pytest.raises(LabError, match="all 19 lab indices are taken"):
        free_index("new", taken)


def test_existing_lab_is_taken_as_it_is_unless_something_else_is_asked():
    existing = Lab("book", 1, "bookworm", "bare")
    assert agreed(existing, index=None, release=None, flavour="bare") == existing
    with pytest.raises(LabError, match="lab book exists with index 1, bookworm, bare"):
        agreed(existing, index=None, release="trixie", flavour=None)


def test_default_hosts_are_three_members_and_a_repository():
    assert [host.container for host in Lab().hosts()] == ["lab-pg1", "lab-pg2", "lab-pg3", "lab-backup1"]
    assert len(DEFAULT_HOSTS) == 4


def test_further_networks_have_addresses_of_their_own_with_the_host_s_last_digits():
    host = Lab("other", 7).host("pg2")
    assert {name: host.address_in(name) for name in NETWORKS} == {"client": "10.83.7.12", "backup": "10.84.7.12"}
    subnets = [lab.beside(name) for lab in (Lab("a", 1), Lab("b", 2)) for name in NETWORKS]
    subnets += [Lab("a", 1).subnet4, Lab("b", 2).subnet4]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(subnets, 2))
