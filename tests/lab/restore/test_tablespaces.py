"""
An acknowledged history in two tablespaces, one older and one younger than the backup, whatever becomes of the cluster:
a drill on a member, restores to both sides of the younger one's making, a copy anew, hosts that join and are replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import lifecycle
from tests.lab.docker import docker, run_in
from tests.lab.vocabulary.runs import (
    Built,
    assert_changes_nothing,
    leader,
    members,
    run,
    site,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

ADD, BACKUP, REINIT, REPLACE, RESTORE, SWITCHOVER, VERIFY = (
    f"deploys/{name}.py"
    for name in ("add_node", "backup", "reinit_node", "replace_node", "restore", "switchover", "verify_backup")
)
HOSTS, ALL = ("pg1", "pg2"), ("pg1", "pg2", "pg3")
OLD, YOUNG = "/srv/spaces/old", "/srv/spaces/young"
ROWS = 20000
SECONDS = 90

MAKE = "create table {name} (id int primary key, said text) tablespace {name}"
FILL = "insert into {name} select n, md5('{word}' || n) from generate_series({first}, {last}) n"
# Every page is read, and every row is in the index with which it is looked for.
DIGEST = "select count(*), md5(string_agg(id || said, ',' order by id)) from {name}"


@dataclass(frozen=True)
class Spaces(Built):
    """Two members, of which a standby has the repository; a third one joins later. + directory: of inventories"""

    directory: Path

    def on(self, name: str, statement: str) -> str:
        """What one member's PostgreSQL answers."""
        asked = f"runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d app -c {json.dumps(statement)}"
        return run_in(self.lab.host(name).container, asked).strip()

    def do(self, *statements: str) -> None:
        """Statements on the leader, each acknowledged before the next."""
        name = leader(self.lab).short_name
        for statement in statements:
            self.on(name, statement)

    def declare(self, names: Sequence[str]) -> Path:
        """The inventory of so many members: the first has etcd, the second the repository."""
        path = write_inventory(self.lab, self.directory, names)
        first, second = (self.lab.host(name).container for name in HOSTS)
        path.write_text(f"{path.read_text()}\netcd = ['{first}']\nbackup = ['{second}']\n")
        return path

    def contents(self, names: Sequence[str] = HOSTS, tables: Sequence[str] = ("old", "young")) -> list[str]:
        """Rows and digest of each table, once all members have the same."""
        found: list[str] = []

        def are_equal() -> bool:
            said = [[self.on(name, DIGEST.format(name=table)) for table in tables] for name in names]
            found[:] = said[0]
            return all(one == said[0] for one in said)

        wait_until(f"the same on {', '.join(names)}", are_equal, seconds=SECONDS)
        return found

    def rows(self, *names: str) -> list[int]:
        """Rows of both tables, the same on all members."""
        return [int(one.partition("|")[0]) for one in self.contents(names or HOSTS)]

    def restarted(self, name: str) -> None:
        """PostgreSQL of one member reads everything from its files."""
        node = self.lab.host(name).container
        run_in(node, f"patronictl -c /etc/patroni/config.yml restart {self.lab.name} {node} --force")
        wait_until_settled(self.lab, HOSTS)


def fill(table: str, word: str, first: int, last: int) -> str:
    return FILL.format(name=table, word=word, first=first, last=last)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spaces]:
    """A full backup that knows one of two tablespaces."""
    directory = tmp_path_factory.mktemp("p-tablespaces")
    with site("p-tablespaces", directory, hosts=HOSTS) as ready:
        spaces = Spaces(ready.lab, ready.inventory, None, directory)  # type: ignore[arg-type]
        spaces.declare(HOSTS)
        first = run(ready.inventory)
        wait_until_settled(ready.lab, HOSTS)
        for name in HOSTS:
            made = "install -d -o root -m 755 /srv/spaces && install -d -o postgres -g postgres -m 700"
            run_in(ready.lab.host(name).container, f"{made} {OLD} {YOUNG}")
        spaces.do(f"create tablespace old location '{OLD}'", MAKE.format(name="old"), fill("old", "a", 1, ROWS))
        run(ready.inventory, BACKUP, "--data", "type=full")
        yield Spaces(ready.lab, ready.inventory, first, directory)


def label(built: Spaces) -> str:
    """Of the full backup; after each restore there is another one, an incremental."""
    asked = f"cd / && runuser -u postgres -- pgbackrest --stanza={built.lab.name} info --output=json"
    backups = json.loads(run_in(built.lab.host("pg2").container, asked))[0]["backup"]
    return str([one["label"] for one in backups if one["type"] == "full"][-1])


def restored(built: Spaces, *words: str) -> str:
    """Take the cluster back. Returns what the run said, on one line."""
    given = [part for word in (*words, f"set={label(built)}", f"confirm={built.lab.name}") for part in ("--data", word)]
    done = run(built.inventory, RESTORE, *given)
    wait_until_settled(built.lab, HOSTS)
    print(f"restored to {words[0]} in {done.seconds:.1f} s")
    return " ".join(done.log.split())


def files(built: Spaces, name: str) -> str:
    """The files of the younger tablespace on a member, each with its number in the file system."""
    return run_in(built.lab.host(name).container, f"find {YOUNG} -type f -printf '%p %i\\n' | sort")


def test_a_drill_on_a_member_leaves_its_living_tablespaces_alone(built: Spaces) -> None:
    """The younger one's WAL names its directory, which the member has."""
    built.do("select pg_create_restore_point('before_young')", f"create tablespace young location '{YOUNG}'")
    built.do(MAKE.format(name="young"), fill("young", "b", 1, ROWS), "checkpoint", "select pg_switch_wal()")
    before = built.contents()
    lives = files(built, "pg2")
    said = " ".join(run(built.inventory, VERIFY).log.split())
    assert "PASSED in" in said and f"the tablespace in {YOUNG} was made after the backup" in said
    assert files(built, "pg2") == lives
    assert run_in(built.lab.host("pg2").container, "ls -A /var/lib/pgbackrest/restore-drill") == ""
    built.restarted("pg2")
    assert built.contents() == before


def test_a_restore_to_a_moment_after_its_making_has_the_rows_of_then(built: Spaces) -> None:
    built.do("select pg_create_restore_point('with_young')")
    kept = built.contents()
    built.do(fill("young", "given up", ROWS + 1, 3 * ROWS), fill("old", "given up", ROWS + 1, 2 * ROWS))
    said = restored(built, "name=with_young")
    assert f"aside files in {YOUNG} on {built.lab.host('pg1').container}, {built.lab.host('pg2').container}" in said
    assert built.contents() == kept
    for name in HOSTS:
        listed = run_in(built.lab.host(name).container, "ls /srv/spaces").split()
        assert [one for one in listed if one.startswith("young.before-restore-")], listed
    built.do(fill("young", "c", ROWS + 1, ROWS + 100))
    assert built.rows() == [ROWS, ROWS + 100]


def test_a_restore_to_a_moment_before_its_making_brings_nothing_of_it_back(built: Spaces) -> None:
    """It is made again in the same place, with fewer rows than it had: a page that stayed would show."""
    restored(built, "name=before_young")
    assert built.contents(tables=["old"])[0].startswith(f"{ROWS}|")
    spaces = built.on("pg1", "select string_agg(spcname, ',') from pg_tablespace where spcname !~ '^pg_'")
    assert spaces == "old"
    built.do(f"create tablespace young location '{YOUNG}'", MAKE.format(name="young"), fill("young", "d", 1, 500))
    for _ in range(3):
        built.do("update young set said = md5(said)")
    other = next(name for name in HOSTS if built.lab.host(name) != leader(built.lab))
    built.restarted(other)
    before = built.contents()
    run(built.inventory, SWITCHOVER, "--data", f"candidate={built.lab.host(other).container}")
    wait_until_settled(built.lab, HOSTS)
    assert built.contents() == before and built.rows() == [ROWS, 500]


def test_a_member_that_is_made_anew_has_both(built: Spaces) -> None:
    """From the older backup, and then with the files gone and no directory either."""
    before = built.contents()
    node = next(built.lab.host(name) for name in HOSTS if built.lab.host(name) != leader(built.lab))
    words = ("--data", f"node={node.container}", "--data", "force=true")
    run(built.inventory, REINIT, *words)
    wait_until_settled(built.lab, HOSTS)
    assert built.contents() == before
    run_in(node.container, f"systemctl stop patroni; rm -rf /srv/spaces/* /var/lib/postgresql/*/{built.lab.name}")
    run_in(node.container, "systemctl start patroni")
    run(built.inventory, REINIT, *words)
    wait_until_settled(built.lab, HOSTS)
    assert built.contents() == before


def test_a_host_that_joins_gets_the_directories_and_one_in_use_is_refused(built: Spaces) -> None:
    before = built.contents()
    lifecycle.up(built.lab, ["pg3"])
    three, node = built.declare(ALL), built.lab.host("pg3").container
    run_in(node, f"mkdir -p {OLD}/PG_17_202406281/5")
    done = run(three, ADD, check=False)
    assert done.code == 1 and f"{node} has a PostgreSQL's files in {OLD}" in " ".join(done.log.split()), done
    run_in(node, f"rm -rf {OLD}")
    run(three, ADD)
    wait_until_settled(built.lab, ALL)
    assert built.contents(ALL) == before
    assert run_in(node, f"stat -c '%U %a' {OLD} {YOUNG}").split() == ["postgres", "700"] * 2
    assert_changes_nothing(three)


def test_a_host_that_is_replaced_has_both_again(built: Spaces) -> None:
    before = built.contents(ALL)
    lost = built.lab.host("pg3")
    docker("rm", "--force", "--volumes", lost.container)
    wait_until("etcd forgets it", lambda: lost.container not in members(built.lab), seconds=SECONDS)
    lifecycle.replace(lost)
    run_in(lost.container, "mkdir -p /srv/spaces")
    run(built.declare(ALL), REPLACE, "--data", f"node={lost.container}")
    wait_until_settled(built.lab, ALL)
    assert built.contents(ALL) == before
