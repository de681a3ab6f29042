"""The check that keepalived calls, asked of a HAProxy that is only a socket."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.golden.examples import ROOT

PROGRAM = ROOT / "cluster" / "components" / "on_host" / "haproxy_serves.pl"
HEAD = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,"
BOUND_SECONDS = 30


def row(section: str, server: str, status: str) -> str:
    return ",".join([section, server, *["0"] * 15, status, "1", ""])


@contextmanager
def haproxy(path: Path, answer: str | None) -> Iterator[None]:
    """A HAProxy that answers every question so. + answer: None: it takes connections, and says nothing"""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        held: list[socket.socket] = []

        def serve() -> None:
            connection, _ = listening.accept()
            held.append(connection)
            connection.recv(100)
            if answer is not None:
                connection.sendall(f"{answer}\n\n".encode())
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        for connection in held:
            connection.close()


def check(path: Path, *sections: str) -> int:
    words = ["perl", str(PROGRAM), str(path), *sections]
    return subprocess.run(words, timeout=BOUND_SECONDS, check=False).returncode


LIVING = "\n".join(
    [
        HEAD,
        row("primary", "pg1", "UP"),
        row("primary", "pg2", "DOWN"),
        row("replicas", "pg1", "DOWN"),
        row("replicas", "pg2", "DOWN 1/2"),
        row("any", "pg1", "UP"),
    ]
)


@pytest.mark.parametrize(
    ("sections", "code"),
    [
        ((), 0),
        (("primary",), 0),
        (("replicas",), 1),
        (("replicas", "primary"), 0),
        (("prim",), 1),
    ],
)
def test_a_section_with_a_server_that_is_up(tmp_path: Path, sections: tuple[str, ...], code: int) -> None:
    with haproxy(tmp_path / "s", LIVING):
        assert check(tmp_path / "s", *sections) == code


@pytest.mark.parametrize(("status", "code"), [("UP 1/2", 0), ("DOWN", 1), ("MAINT", 1), ("no check", 1)])
def test_a_server_that_is_about_to_be_taken_for_down_is_up(tmp_path: Path, status: str, code: int) -> None:
    with haproxy(tmp_path / "s", f"{HEAD}\n{row('primary', 'pg1', status)}"):
        assert check(tmp_path / "s", "primary") == code


def test_a_haproxy_that_is_down(tmp_path: Path) -> None:
    assert check(tmp_path / "s") == check(tmp_path / "s", "primary") == 1


def test_one_that_takes_the_question_and_says_nothing(tmp_path: Path) -> None:
    with haproxy(tmp_path / "s", None):
        assert check(tmp_path / "s") == 1


def test_an_answer_that_is_none(tmp_path: Path) -> None:
    with haproxy(tmp_path / "s", "Permission denied"):
        assert check(tmp_path / "s") == 1
