"""How the simulated hosts know a command: by the fact, by who built it, and by no word of a program."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from pyinfra import host
from pyinfra.api import operation

from cluster.declared.model import Cluster
from facts.host import UnitJournal
from operations.acts.act import Act
from operations.acts.commands import start_unit
from operations.acts.component import Commands
from operations.acts.restore_member import release_patroni, stop_patroni
from operations.runs.pause import pause
from operations.runs.reinit_node import reinit
from operations.runs.switchover import switchover
from tests.lab.paths import ROOT
from tests.world.hosts import changed, fake_cluster, run_operation
from tests.world.switchover_world import SwitchoverWorld
from tests.world.world import Lines, World, answer

PROGRAMS = sorted(
    path for path in ROOT.glob("*/**/on_host/*") if path.suffix in (".py", ".sh") and ".venv" not in str(path)
)
_DEFINED = re.compile(r"^\s*(?:def|class) (\w+)|^\s*(\w+)\(\) *\{", re.MULTILINE)


class Told(World):
    """Hosts that take two acts, and answer one fact with its own arguments."""

    acts: ClassVar = {"halt": stop_patroni, "start": start_unit}

    @answer(UnitJournal)
    def _journal(self, host: str, unit: str, lines: int, **_: Any) -> Lines:
        return [f"{lines} lines of {unit} on {host}"]


@operation()
def told(cluster: Cluster, act: Any) -> Commands:
    """One act of the first host."""
    if host.name == "@fake/h1":
        yield act(cluster.node("h1"))


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(act: Any) -> list[str]:
        world = Told()
        run_operation(monkeypatch, world, fake_cluster(), told, act=act)
        return world.done

    return run


def test_an_act_is_known_by_the_innermost_function_that_has_a_name(acted: Any) -> None:
    assert acted(stop_patroni) == ["halt h1"]
    assert acted(lambda node: Act(node, start_unit("etcd", []))) == ["start h1"]


def test_an_act_that_a_world_does_not_expect_fails_the_test(acted: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Exception, match="Over 0% of hosts failed"):
        acted(release_patroni)
    assert "Told knows no act like this on h1: systemctl unmask" in caplog.text


def test_a_question_comes_with_all_arguments_of_its_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    @operation()
    def asked(cluster: Cluster) -> Commands:
        seen.extend(host.get_fact(UnitJournal, unit="etcd"))
        yield from ()

    run_operation(monkeypatch, Told(), fake_cluster(1), asked)
    assert seen == ["12 lines of etcd on h1"]


# --- No world knows the words of a program ---


def _names(text: str) -> set[str]:
    return {name for names in _DEFINED.findall(text) for name in names if name}


NAMES = sorted({name for one in PROGRAMS for name in _names(one.read_text())})


def test_there_are_programs() -> None:
    assert len(PROGRAMS) > 12 and "streaming_from" in NAMES


def _worlds() -> Iterator[Path]:
    """The files in which hosts are simulated."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path.name != "test_known.py" and "from tests.world." in path.read_text():
            yield path
    yield from (path for path in sorted(Path(__file__).parent.glob("*.py")) if not path.name.startswith("test_"))


def _strings(path: Path) -> str:
    constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return "\n".join(value for value in constants if isinstance(value, str))


@pytest.mark.parametrize("path", sorted(set(_worlds())), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_world_names_a_function_of_a_program(path: Path) -> None:
    text = _strings(path)
    assert not [name for name in NAMES if f"def {name}" in text or f"{name}()" in text]


def _holders() -> Iterator[tuple[ModuleType, str, str]]:
    """Each module of ours that has the text of a program, with the name under which it has it."""
    texts = {path.read_text() for path in PROGRAMS}
    for path in (*ROOT.glob("operations/**/*.py"), *ROOT.glob("facts/**/*.py")):
        if "on_host" not in path.parts and '"on_host"' in path.read_text():
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            yield from (
                (module, name, text) for name, text in vars(module).items() if isinstance(text, str) and text in texts
            )


def test_functions_of_a_program_may_be_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three runs over three programs, with every function of every program under another name."""
    renamed = []
    for module, name, text in _holders():
        mangled = text
        for one in _names(text):
            mangled = re.sub(rf"\b{one}\b", f"another_{one}", mangled)
        monkeypatch.setattr(module, name, mangled)
        renamed.append(name)
    assert len(renamed) > 4
    world = SwitchoverWorld(["h1", "h2", "h3"], "h1", lame={"h3": "start failed"})
    cluster = fake_cluster()
    assert changed(run_operation(monkeypatch, world, cluster, reinit, member="h3"))
    assert changed(run_operation(monkeypatch, world, cluster, switchover, candidate="h2")) and world.leader == "h2"
    assert changed(run_operation(monkeypatch, world, cluster, pause)) and world.paused
