"""The same run through pyinfra's docker connector: hosts that are containers need no ssh."""

from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.inventory import host_data
from tests.lab.spec import Lab
from tests.lab.vocabulary.runs import SMALL, assert_changes_nothing, patroni, run, site, sql

MEMBERS = ("pg1", "pg2")


def _inventory(lab: Lab, directory: Path) -> Path:
    """Two members, one of them with etcd, under the names that pyinfra gives to containers."""
    members = []
    for name in MEMBERS:
        host = lab.host(name)
        data = {key: value for key, value in host_data(host).items() if not key.startswith(("ssh_", "_"))}
        members.append((f"@docker/{host.container}", {**data, **SMALL, "cluster_name": lab.name}))
    path = directory / "containers.py"
    lists = {"postgres": members, "etcd": members[:1], "haproxy": members[:1]}
    path.write_text("".join(f"{group} = {hosts!r}\n" for group, hosts in lists.items()))
    return path


def test_a_cluster_is_built_through_the_docker_connector(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("t-dock")
    with site("t-dock", directory, hosts=MEMBERS) as ready:
        inventory = _inventory(ready.lab, directory)
        built = run(inventory)
        print(f"two members through @docker in {built.seconds:.1f} s")
        members = {one["name"] for one in patroni(ready.lab, "pg1", "cluster")["members"]}
        assert members == {ready.lab.host(name).container for name in MEMBERS}, (
            "the connector is no part of a member's name"
        )
        assert "docker" not in run_in(
            ready.lab.host("pg1").container, "openssl x509 -in /etc/patroni/rest/patroni.crt -noout -text"
        )
        assert sql(ready.lab, "select pg_is_in_recovery()") == [(False,)]
        assert sql(ready.lab, "select slot_name, active from pg_replication_slots") == [
            (ready.lab.host("pg2").container.replace("-", "_"), True)
        ]
        again = assert_changes_nothing(inventory)
        print(f"a second run through @docker in {again.seconds:.1f} s")
