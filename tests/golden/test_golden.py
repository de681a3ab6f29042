"""
What three example clusters get, whole, as files to be read: a change of a template shows its effect in the diff.

    UPDATE_GOLDEN=1 pytest tests/golden
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.declared.pgbouncer import pools
from tests.golden.examples import EXAMPLES, ROOT, SECRETS, example, rendered, with_firewall, with_pools, with_store
from tests.golden.programs import LIST, named_programs
from tests.golden.review import GOLDEN, assert_reviewed
from tests.inventories import clusters_of


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_file_of_every_host_is_as_it_was_reviewed(name: str) -> None:
    assert_reviewed(named_programs(rendered(example(name))), GOLDEN / name)


def test_a_program_is_named_where_it_is_installed_unchanged_and_shown_where_it_is_not() -> None:
    texts = rendered(example("three_hosts"))
    path = "pg1.example.net/usr/local/bin/patroni-may-start"
    (named,) = [line for line in named_programs(texts)[f"pg1.example.net/{LIST}"].splitlines() if "may-start" in line]
    assert named == (
        "/usr/local/bin/patroni-may-start is cluster/components/on_host/patroni_may_start.py after #!/usr/bin/python3"
    )
    assert path not in named_programs(texts)
    changed = {**texts, path: texts[path] + "# for this host\n"}
    assert named_programs(changed)[path] == changed[path]
    assert "may-start" not in named_programs(changed)[f"pg1.example.net/{LIST}"]


def test_two_repositories_are_as_they_were_reviewed(tmp_path: Path) -> None:
    """What the dedicated example gets for a store beside its directory, on the repository host and on a member."""
    keys = tmp_path / "keys"
    keys.write_text("FAKEKEY\nfake-secret-key\n")
    keys.chmod(0o600)
    texts = {path: text for path, text in rendered(with_store("dedicated", keys)).items() if "repo2" in path + text}
    texts = {path: text for path, text in texts.items() if "pg2" not in path and "pg3" not in path}
    assert_reviewed(texts, GOLDEN / "two_repositories")
    assert [path for path, text in texts.items() if "fake-secret-key" in text] == [
        "orders-backup1.example.net/etc/pgbackrest/pgbackrest.conf"
    ]


def test_a_firewall_is_as_it_was_reviewed() -> None:
    """One host of each kind: its rules, and the unit that loads them."""
    texts = {path: text for path, text in rendered(with_firewall("dedicated")).items() if "firewall" in path}
    kinds = ("orders-pg1", "orders-etcd1", "orders-lb1", "orders-backup1")
    assert_reviewed({path: text for path, text in texts.items() if path.startswith(kinds)}, GOLDEN / "firewall")


@pytest.mark.parametrize("name", ["dedicated", "routed"])
def test_pools_are_as_they_were_reviewed(name: str) -> None:
    """One host with pools of several processes, for sessions, too: in front of HAProxy, or of its own PostgreSQL."""
    host, plain = {"dedicated": "orders-lb1", "routed": "pg1"}[name], rendered(example(name))
    texts = {path: text for path, text in rendered(with_pools(name)).items() if plain.get(path) != text}
    kept = {path: text for path, text in texts.items() if path.startswith(host) or "/" not in path}
    assert_reviewed(kept, GOLDEN / "pools" / name)


STANDBY_FILES = (
    *("shop/dynamic-configuration.yml", "shop/shop-backup1/etc/pgbackrest/pgbackrest.conf"),
    *("shop-dr/dynamic-configuration.yml", "shop-dr/card.txt", "shop-dr/dr1/packages.txt"),
    *("shop-dr/dr1/etc/patroni/config.yml", "shop-dr/dr1/first-start/etc/patroni/config.yml"),
    *("shop-dr/dr1/etc/haproxy/haproxy.cfg", "shop-dr/dr1/etc/pgbackrest/source/pgbackrest.conf"),
    "shop-dr/dr1/usr/local/bin/pgbackrest-source",
)


def test_a_standby_cluster_and_its_source_are_as_they_were_reviewed() -> None:
    """What of the two is not as in a cluster that stands alone."""
    clusters = clusters_of(ROOT / "inventories" / "standby_cluster.py")
    both = {f"{name}/{path}": text for name, one in clusters.items() for path, text in rendered(one).items()}
    texts = {path: both[path] for path in STANDBY_FILES}
    assert_reviewed(texts, GOLDEN / "standby_cluster")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_file_ends_as_a_text_does(name: str) -> None:
    for path, text in rendered(example(name)).items():
        assert text.endswith("\n") and not text.endswith("\n\n"), path
        assert "\t" not in text and " \n" not in text, path


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_password_is_only_where_it_is_needed(name: str) -> None:
    holders = {secret: set[str]() for secret in SECRETS}
    for path, text in rendered(example(name)).items():
        for secret, value in SECRETS.items():
            if str(value) in text:
                holders[secret].add(path.rpartition("/")[2])
    patroni = ("SUPERUSER", "REPLICATION", "REWIND", "RESTAPI")
    assert all(holders[f"PATRONI_{word}_PASSWORD"] == {"config.yml"} for word in patroni)
    assert holders["HAPROXY_STATS_PASSWORD"] == ({"haproxy.cfg"} if example(name).balancers else set())
    assert holders["PATRONI_ADMIN_PASSWORD"] == set()
    assert holders["PGBOUNCER_PASSWORD"] == ({"logins.txt"} if pools(example(name)) else set())
    # In files of the repository host alone; members are told by its server.
    with_cipher = [path for path, text in rendered(example(name)).items() if "fake-pgbackrest_cipher_pass" in text]
    holding = ("pgbackrest.conf", "drill.conf", "server.env")
    hosts = [node.name for node in example(name) if "backup" in node.roles]
    assert sorted(with_cipher) == sorted(f"{host}/etc/pgbackrest/{file}" for host in hosts for file in holding)


@pytest.mark.parametrize("name", EXAMPLES)
def test_only_the_first_member_can_begin_a_cluster(name: str) -> None:
    texts = rendered(example(name))
    assert [path for path, text in texts.items() if "\nbootstrap:" in text] == [
        f"{example(name).members[0].name}/first-start/etc/patroni/config.yml"
    ]


def test_two_clusters_have_nothing_in_common() -> None:
    clusters = clusters_of(ROOT / "inventories" / "two_clusters.py")
    assert sorted(clusters) == ["billing", "shop"]
    for name, other in (("shop", "billing"), ("billing", "shop")):
        addresses = {str(node.address) for node in clusters[other]}
        for path, text in rendered(clusters[name]).items():
            assert other not in text, path
            assert not [address for address in addresses if address in text], path


def test_ipv6_stands_in_brackets_wherever_a_port_follows() -> None:
    bare = re.compile(r"(?<!\[)2001:db8:6::1\d:\d{4}")
    assert [path for path, text in rendered(example("ipv6")).items() if bare.search(text)] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_program_is_run_by_is_among_the_packages_of_its_host(name: str) -> None:
    """Debian's minimum has no Python; what depends on it brings it."""
    texts = rendered(example(name))
    written_in_python = [path for path, text in texts.items() if text.startswith("#!/usr/bin/python3\n")]
    assert written_in_python
    for path in written_in_python:
        packages = texts[f"{path.partition('/')[0]}/packages.txt"].split()
        assert {"python3", "python3-etcd"} & set(packages), path
