"""What holds a member to its cluster: asked until it is gone, and silence is not "nobody"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facts.postgres.sessions import ClientsLeft, SlotLeft
from tests.facts.test_postgres_awaited import shell

SLOT: dict[str, Any] = {"port": 5432, "slot": "pg4"}


def test_clients_that_go_are_waited_for(tmp_path: Path) -> None:
    command = ClientsLeft().command(5432, wait_seconds=15)
    code, lines, calls = shell(tmp_path, command, "printf '11\\n12\\n'", after=3)
    assert (code, ClientsLeft().process(lines), calls) == (0, 0, 3)


def test_clients_that_stay_are_counted(tmp_path: Path) -> None:
    code, lines, _ = shell(tmp_path, ClientsLeft().command(5432), "printf '11\\n12\\n'")
    assert (code, ClientsLeft().process(lines)) == (0, 2)


def test_a_slot_that_goes_is_waited_for(tmp_path: Path) -> None:
    code, lines, calls = shell(tmp_path, SlotLeft().command(**SLOT, wait_seconds=15), "echo pg4", after=2)
    assert (code, SlotLeft().process(lines), calls) == (0, False, 2)


def test_a_slot_that_stays_is_there(tmp_path: Path) -> None:
    code, lines, _ = shell(tmp_path, SlotLeft().command(**SLOT), "echo pg4")
    assert (code, SlotLeft().process(lines)) == (0, True)


def test_a_server_that_is_down_is_no_answer(tmp_path: Path) -> None:
    code, lines, calls = shell(tmp_path, SlotLeft().command(**SLOT, wait_seconds=15), "exit 2")
    assert (code, lines, calls) == (1, [], 1)
