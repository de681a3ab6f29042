"""Whether PgBouncer answers, as keepalived and the holder of addresses ask it, of a PgBouncer that is only a socket."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.golden.examples import ROOT

ON_HOST = ROOT / "cluster" / "components" / "on_host"
BOUND_SECONDS = 30
REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@contextmanager
def pool(path: Path, answer: bytes | None) -> Iterator[list[bytes]]:
    """A PgBouncer that answers so. + answer: None: it takes connections, and says nothing; b"": it closes them"""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        held: list[socket.socket] = []
        heard: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                held.append(connection)
                heard.append(connection.recv(100))
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield heard
        listening.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def of_keepalived(*paths: Path) -> bool:
    words = ["perl", str(ON_HOST / "pools_answer.pl"), *map(str, paths)]
    return subprocess.run(words, timeout=BOUND_SECONDS, check=False).returncode == 0


def of_members(*paths: Path) -> bool:
    """The second of two questions counts."""
    asked = vip_pools().Pools(list(map(str, paths)))
    asked.known = True
    asked.answer()
    return bool(asked.answer())


def vip_pools() -> Any:
    sys.path.insert(0, str(ON_HOST))
    try:
        return importlib.import_module("vip_pools")
    finally:
        sys.path.remove(str(ON_HOST))


both = pytest.mark.parametrize("answers", [of_keepalived, of_members])


@both
@pytest.mark.parametrize("word", [b"N", b"S", b"E\x00"])
def test_any_word_is_an_answer(tmp_path: Path, answers: Callable[..., bool], word: bytes) -> None:
    """That it is full is one, too: another host would be full next."""
    with pool(tmp_path / "s", word) as heard:
        assert answers(tmp_path / "s")
        assert set(heard) == {REQUEST}


@both
def test_a_frozen_one_a_dead_one_and_none(tmp_path: Path, answers: Callable[..., bool]) -> None:
    with pool(tmp_path / "frozen", None), pool(tmp_path / "closing", b""):
        assert not answers(tmp_path / "frozen")
        assert not answers(tmp_path / "closing")
    assert not answers(tmp_path / "frozen"), "its socket is left"
    assert not answers(tmp_path / "absent")


@both
def test_all_processes_of_a_pool_have_to_answer(tmp_path: Path, answers: Callable[..., bool]) -> None:
    with ExitStack() as held:
        for name, word in (("one", b"N"), ("two", b"N"), ("three", None)):
            held.enter_context(pool(tmp_path / name, word))
        assert answers(tmp_path / "one", tmp_path / "two")
        assert not answers(tmp_path / "one", tmp_path / "two", tmp_path / "three")


def test_one_question_without_an_answer_is_a_process_that_starts_again(tmp_path: Path) -> None:
    asked = vip_pools().Pools([str(tmp_path / "s")])
    assert asked.answer() and asked.answer() and asked.answer(), "it was never there"
    with pool(tmp_path / "s", b"N"):
        assert asked.answer()
    assert asked.answer() and not asked.answer(), "it is missed"
    assert vip_pools().Pools([]).answer(), "where there is no pool nothing is missing"
