"""The inventory that the lab writes for its hosts."""

from tests.lab.inventory import inventory_groups, inventory_text
from tests.lab.spec import Lab

DEDICATED = ("pg1", "pg2", "etcd1", "haproxy1", "backup1")


def loaded(text):
    names = {}
    exec(compile(text, "inventory.py", "exec"), names)
    return {name: value for name, value in names.items() if not name.startswith("__")}


def names_in(groups):
    return {
        group: [entry if isinstance(entry, str) else entry[0] for entry in entries] for group, entries in groups.items()
    }


def test_members_are_etcd_and_haproxy_where_these_have_no_hosts():
    members = ["lab-pg1", "lab-pg2", "lab-pg3"]
    assert names_in(inventory_groups(Lab())) == {
        "postgres": members,
        "etcd": members,
        "haproxy": members,
        "backup": ["lab-backup1"],
    }


def test_dedicated_hosts_leave_the_members_to_postgresql():
    assert names_in(inventory_groups(Lab(), DEDICATED)) == {
        "postgres": ["lab-pg1", "lab-pg2"],
        "etcd": ["lab-etcd1"],
        "haproxy": ["lab-haproxy1"],
        "backup": ["lab-backup1"],
    }


def test_data_of_a_host_is_where_it_comes_first_and_nowhere_else():
    groups = inventory_groups(Lab())
    assert all(isinstance(entry, tuple) for entry in groups["postgres"] + groups["backup"])
    assert all(isinstance(entry, str) for entry in groups["etcd"] + groups["haproxy"])


def test_data_says_how_to_log_in_and_where_the_member_is():
    _, data = inventory_groups(Lab())["postgres"][1]
    assert data.pop("cluster_published_ports")[5000] == 25000
    assert data == {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": 22012,
        "ssh_user": "deploy",
        "ssh_key": ".lab/id_ed25519",
        "ssh_known_hosts_file": ".lab/known_hosts",
        "_sudo": True,
        "cluster_address": "10.82.0.12",
    }


def test_hosts_that_publish_ssh_only_have_no_published_ports():
    _, data = inventory_groups(Lab())["backup"][0]
    assert "cluster_published_ports" not in data


def test_ipv6_release_and_extra_data_change_what_is_told():
    lab = Lab("book", 2, "bookworm")
    _, data = inventory_groups(lab, ["pg1"], ipv6=True, extra={"patroni_ttl": 20})["postgres"][0]
    assert data["cluster_address"] == "fd82:0:0:2::11"
    assert data["postgres_version"] == 15
    assert data["patroni_ttl"] == 20


def test_text_says_what_the_groups_say():
    lab = Lab("book", 2, "bookworm")
    extra = {"quoted": "a\"b'c\\", "empty": [], "nested": {"a": [1, None, ("x",)]}}
    for hosts in (["pg1"], DEDICATED):
        assert loaded(inventory_text(lab, hosts, extra=extra)) == inventory_groups(lab, hosts, extra=extra)


def test_hosts_in_further_networks_have_their_addresses_and_clients_come_to_these():
    _, data = inventory_groups(Lab(), networks=("client", "backup"))["postgres"][0]
    assert (data["client_address"], data["backup_address"]) == ("10.83.0.11", "10.84.0.11")
    assert "cluster_published_ports" not in data, "they lead to the lab's own network"
