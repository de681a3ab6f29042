"""Runs as a pipeline starts them, with no terminal: whatever was not done ends with a sentence and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from cluster.errors import ConfigError
from operations.util import command_line
from operations.util.command_line import REFUSED, is_given

ROOT = Path(__file__).parent.parent
LOG = ROOT / "pyinfra-debug.log"
STEP = "from pyinfra.operations import server\nserver.shell(name='a step', commands=['echo begun >&2; sleep 600'])\n"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "pyinfra", *words]


def ended(*words: str) -> tuple[int, str]:
    """The exit code of a run, and all that it said."""
    # A session of its own has no terminal, wherever the tests are started.
    done = subprocess.run(
        command(*words), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said and "internal exception" not in said, said
    return done.returncode, " ".join(said.split())


def inventory_of(directory: Path, text: str = 'etcd = [("@local", {"cluster_address": "127.0.0.9"})]') -> str:
    path = directory / "mine.py"
    path.write_text(f"{text}\n")
    return str(path)


def step_in(directory: Path) -> str:
    """A deploy of one step that takes long."""
    path = directory / "long.py"
    path.write_text(STEP)
    return str(path)


def test_a_misspelt_option_is_refused_also_when_it_is_only_planned(tmp_path: Path) -> None:
    code, said = ended("--dry", "--data", "candidat=pg2", inventory_of(tmp_path), "deploys/switchover.py")
    assert (code, "HINT: Did you mean candidate?" in said) == (1, True), said


@pytest.mark.parametrize("name", ["inventry.py", "inventories/thre"])
def test_an_inventory_that_is_not_there_is_no_empty_one(name: str) -> None:
    code, said = ended("-y", name, "deploys/status.py")
    assert (code, "HINT: " in said) == (1, True), said


@pytest.mark.parametrize(
    ("text", "words"),
    [("x =", "mine.py, line 1: SyntaxError: invalid syntax"), ("x = y", "mine.py, line 1: NameError: name 'y' is not")],
)
def test_an_inventory_that_does_not_run_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    before = LOG.exists()
    code, said = ended("-y", inventory_of(tmp_path, text), "deploys/status.py")
    assert (code, words in said, "HINT: " in said) == (1, True, True), said
    assert LOG.exists() == before, "pyinfra writes it for what it takes for a fault of its own"


def test_an_inventory_without_a_host_for_us_is_refused(tmp_path: Path) -> None:
    code, said = ended("-y", inventory_of(tmp_path, 'postgress = ["@local"]'), "deploys/cluster.py")
    assert (code, "postgress is no group of ours, and nearly one HINT: Did you mean postgres?" in said) == (1, True), (
        said
    )


def test_a_check_for_nagios_that_cannot_look_is_unknown_and_not_a_warning(tmp_path: Path) -> None:
    for inventory in ("inventry.py", inventory_of(tmp_path, "etcd = []"), inventory_of(tmp_path, "x =")):
        words = command("-y", "--data", "format=nagios", inventory, "deploys/check.py")
        done = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert (done.returncode, done.stdout.count("\n")) == (3, 1), done.stdout + done.stderr
        assert done.stdout.startswith("PATRONI UNKNOWN - the check could not run: ")


def test_a_key_that_is_not_there_is_named_with_its_host(tmp_path: Path) -> None:
    inventory = inventory_of(tmp_path, 'etcd = [("pg1", {"ssh_hostname": "127.0.0.1", "ssh_key": "/absent"})]')
    code, said = ended("-y", inventory, "deploys/status.py")
    assert (code, "pg1: no connection can be tried: No such private key file: /absent" in said) == (1, True), said


def test_without_a_terminal_and_without_a_yes_nothing_is_done(tmp_path: Path) -> None:
    code, said = ended("--data", "_sudo=false", inventory_of(tmp_path), step_in(tmp_path))
    assert (code, "no one is here to confirm the changes HINT: add -y" in said) == (1, True), said


def test_an_interrupted_run_ends_with_130(tmp_path: Path) -> None:
    words = command("-y", "-vvv", "--data", "_sudo=false", inventory_of(tmp_path), step_in(tmp_path))
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.endswith("begun\n"))
        os.kill(process.pid, signal.SIGINT)
        said += process.stderr.read()
    assert (process.returncode, "interrupted while a step was under way" in said) == (130, True), said
    assert "Traceback" not in said


# --- Each of pyinfra's functions that another one stands in for ---


def refused(call: Any, *words: Any) -> str:
    with pytest.raises(ConfigError) as error:
        call(*words)
    assert "HINT: " in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (["force"], "--data force: has no value\nHINT: write --data force=true"),
        (["without=a", "without=b"], "--data without: is given 2 times, and only the last one would count"),
    ],
)
def test_words_after_data_that_pyinfra_would_stumble_over_or_drop(data: list[str], sentence: str) -> None:
    assert refused(command_line._override_data, dict, data).startswith(sentence)
    assert command_line._override_data(lambda given, user: (given, user), ["a=1", "b="], "me") == (["a=1", "b="], "me")


class Declared(list[Any]):
    """An inventory of hosts by these names, in the group etcd."""

    def __init__(self, *names: str, **data: Any) -> None:
        super().__init__(SimpleNamespace(name=name) for name in names)
        self.groups = {"etcd": list(self)}
        self.get_override_data = lambda: data


def matches(inventory: Declared, patterns: list[str], switch: str) -> list[Any]:
    """As pyinfra finds them."""
    return [host for host in inventory for one in patterns if one == "etcd" or fnmatch(host.name, one)]


def test_hosts_that_a_limit_does_not_find() -> None:
    inventory, find = Declared("pg1", "pg2"), command_line._matches
    assert [host.name for host in find(matches, inventory, ["pg*"], "--limit")] == ["pg1", "pg2"]
    assert "HINT: did you mean etcd?" in refused(find, matches, inventory, ["pg1", "etcdd"], "--exclude")
    assert "HINT: it knows etcd, pg1, pg2." in refused(find, matches, inventory, ["web"], "--limit")


def test_a_run_for_no_host_does_not_begin() -> None:
    run = SimpleNamespace(inventory=Declared("pg1"), is_host_in_limit=lambda _: False)
    assert refused(command_line._connected, pytest.fail, run).startswith("--exclude leaves no host")


def test_what_is_no_file_is_no_inventory(tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "absent.py")):
        assert "there is no such file" in refused(command_line._inventory, pytest.fail, name)
    assert refused(command_line._inventory, lambda _: Declared(), "@docker/none").startswith(
        "@docker/none: declares no"
    )


@pytest.mark.parametrize("word", REFUSED)
def test_switches_that_no_cluster_survives(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ([word, "1"], [f"{word}=1"]):
        monkeypatch.setattr(sys, "argv", ["pyinfra", "inventory.py", "deploys/pause.py", *words])
        run = SimpleNamespace(inventory=Declared("pg1"))
        assert REFUSED[word] in refused(command_line._deploys, pytest.fail, run, None, ["deploys/pause.py"])
    assert not is_given(word, ["--limit", "pg1", f"{word}x"])


@pytest.mark.parametrize("error", [EOFError, RuntimeError])
def test_a_question_that_nobody_answers(error: type[Exception]) -> None:
    def ask(_: str) -> bool:
        raise error

    assert "no one is here to confirm" in refused(command_line._confirmed, ask, "?")
    assert "it was not confirmed" in refused(command_line._confirmed, lambda _: False, "?")
    assert command_line._confirmed(lambda _: True, "?")


def test_a_password_that_nobody_is_there_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "_has_terminal", lambda: False)
    with pytest.raises(PermissionError, match=r"^\[pg1\] sudo password is asked for, and there is no terminal"):
        command_line._asked(pytest.fail, "\x1b[1m[pg1]\x1b[0m sudo password: ")
    monkeypatch.setattr(command_line, "_has_terminal", lambda: True)
    assert command_line._asked(str.upper, "word: ") == "WORD: "


@pytest.mark.parametrize("error", [PyinfraError("Invalid key: /k"), ValueError("not a key"), PermissionError("no")])
def test_a_key_that_cannot_be_used_is_named_with_its_host(error: Exception) -> None:
    def read(_: Any) -> Any:
        raise error

    said = refused(command_line._of_its_host, read, SimpleNamespace(host=SimpleNamespace(name="pg1")))
    assert said.startswith(f"pg1: no connection can be tried: {error}")


def test_a_run_that_is_started_elsewhere_says_where_it_belongs(tmp_path: Path) -> None:
    words = command("-y", str(ROOT / "inventory.py"), str(ROOT / "deploys" / "status.py"))
    done = subprocess.run(words, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, f"HINT: change to {ROOT} first" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
