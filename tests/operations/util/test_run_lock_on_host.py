"""The lock's program as a host runs it: one run has it, a dead one's ends by itself; the journal stays bounded."""

from __future__ import annotations

import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import pytest

from cluster.observed.run_lock import written
from facts.runs.run_lock import locks_in
from operations.util.run_lock import lock_program
from tests.operations.lock_places import Place, holder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = Place(tmp_path, listening.getsockname()[1])
        host.boot("first")
        yield host


def test_one_run_has_it_and_the_other_is_told_who(place: Place) -> None:
    assert place.words("take", "a") == ("mine", None)
    seen = place.ran("take", "b")
    assert (seen["host"]["word"], seen["host"]["holder"]) == ("other", holder("a"))
    assert place.words("renew", "a") == ("mine", None)
    assert (place.words("renew", "b"), place.seen()) == (("other", None), "a")


def test_what_is_given_back_may_be_taken(place: Place) -> None:
    place.ran("take", "a")
    assert place.words("free", "b") == ("none", None)
    assert place.words("take", "b") == ("other", None)
    assert place.words("free", "a") == ("free", None)
    assert (place.seen(), place.words("take", "b"), place.seen()) == (None, ("mine", None), "b")


def test_a_lock_that_nobody_renews_ends_by_itself(place: Place) -> None:
    place.ran("take", "a", seconds=-1)
    assert (place.seen(), place.words("take", "b")) == (None, ("mine", None))
    assert place.words("renew", "a") == ("other", None)


def test_one_that_ended_and_was_not_taken_is_renewed_all_the_same(place: Place) -> None:
    place.ran("take", "a", seconds=-1)
    assert (place.words("renew", "a"), place.seen()) == (("mine", None), "a")


def test_a_host_that_was_started_again_has_forgotten_it(place: Place) -> None:
    first = place.ran("take", "a")
    place.boot("second")
    again = place.ran("renew", "a")
    assert (place.seen(), again["host"]["word"], again["boot"] == first["boot"]) == (None, "none", False)
    assert place.words("take", "b") == ("mine", None)


def test_one_that_is_broken_is_its_run_s_no_more(place: Place) -> None:
    place.ran("take", "a", etcd=True)
    assert place.words("take", "b", over="a", notes=written(holder("a")), etcd=True) == ("mine", "mine")
    assert place.words("renew", "a", lease="1", etcd=True) == ("other", None)
    assert place.words("free", "a", lease="1", etcd=True) == ("none", "free")
    assert place.words("renew", "b", lease="2", etcd=True) == ("mine", "mine")


def test_a_third_run_s_is_not_broken_in_its_stead(place: Place) -> None:
    place.ran("take", "c", etcd=True)
    assert place.words("take", "b", over="a", notes=written(holder("a")), etcd=True) == ("other", None)


def test_etcd_alone_knows_of_a_run_on_other_hosts(place: Place) -> None:
    place.ran("take", "a", etcd=True)
    place.ran("free", "a")
    seen = place.ran("take", "b", etcd=True)
    assert seen["etcd"] is not None
    assert (seen["host"]["word"], seen["etcd"]["word"], seen["etcd"]["holder"]) == ("mine", "other", holder("a"))


def test_what_etcd_has_ends_with_its_lease_and_is_taken_again_by_its_run(place: Place) -> None:
    place.ran("take", "a", etcd=True)
    for name in ("lease.1", "value", "of"):
        (place.etcd / name).unlink()
    renewed = place.ran("renew", "a", etcd=True, lease="1")["etcd"]
    assert renewed is not None and (renewed["word"], renewed["lease"]) == ("mine", "2")


def test_an_answer_that_was_lost_is_no_other_run(place: Place) -> None:
    place.ran("take", "a", etcd=True)
    assert place.words("take", "a", etcd=True) == ("mine", "mine")
    assert (place.etcd / "of").read_text() == "2\n"


def test_etcd_that_says_nothing_leaves_the_host_s(place: Place) -> None:
    (place.etcd / "silent").touch()
    assert place.words("take", "a", etcd=True) == ("mine", "silent")
    assert place.words("renew", "a", etcd=True, lease="1") == ("mine", "silent")
    place.port = 1
    assert place.ran("renew", "a", etcd=True)["etcd"] == {
        "word": "silent", "holder": None, "renewed_seconds": 0, "lease": "", "text": "nothing listens"
    }  # fmt: skip


def test_the_journal_is_for_root_alone_bounded_and_written_only_with_the_lock(place: Place) -> None:
    place.ran("take", "a", lines="one")
    place.ran("take", "b", lines="refused")
    place.ran("free", "a", lines="two")
    assert place.journal.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(place.journal.stat().st_mode) == 0o600
    place.journal.write_text("x" * 1048576)
    place.ran("take", "b", lines="three")
    assert (place.journal.read_text(), (place.journal.parent / "journal.1").stat().st_size) == ("three\n", 1048576)


def test_two_that_begin_at_once_are_one_and_another(place: Place) -> None:
    for number in range(5):
        runs = [f"r{number}{letter}" for letter in "abcd"]
        words = [["take", "main", run, "45", written(holder(run)), "", "", "", "", "", ""] for run in runs]
        scripts = [f"set -- {' '.join(map(quote, one))}\n{place.text(lock_program(()))}" for one in words]
        begun = [subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) for script in scripts]
        said = [locks_in(one.communicate()[0].splitlines())["host"]["word"] for one in begun]
        assert sorted(said) == ["mine", "other", "other", "other"]
        place.ran("free", runs[said.index("mine")])
