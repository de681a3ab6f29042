"""The commands of a firewall, given to a shell with programs of a test: what is loaded when, and what is left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cluster.components.firewall.rules import GUARD, NFT, RULES, TABLE, TRIAL
from operations.acts.firewall import end_trial, load_on_trial, remove_firewall


class Shell:
    """A host whose programs note what they are told. + place: where its files are"""

    def __init__(self, place: Path) -> None:
        self.place, self.log = place, place / "log"
        self.programs = place / "bin"
        self.programs.mkdir()
        self.log.touch()
        for name in ("nft", "systemctl", "systemd-run"):
            self.program(name)

    def program(self, name: str, code: int = 0) -> None:
        """One that ends with a code."""
        path = self.programs / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.log}\nexit {code}\n')
        path.chmod(0o755)

    def told(self, command: object) -> tuple[int, list[str]]:
        """How a command ends, and what the programs were told."""
        self.log.write_text("")
        text = str(command).replace(NFT, str(self.programs / "nft"))
        for path in (RULES, TRIAL):
            text = text.replace(path, str(self.place / Path(path).name))
        environment = {"PATH": f"{self.programs}:/usr/bin:/bin"}
        done = subprocess.run(["sh", "-c", text], env=environment, capture_output=True, check=False)
        return done.returncode, self.log.read_text().splitlines()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_timer_runs_before_the_rules_are_loaded(shell: Shell) -> None:
    shell.program("systemctl", 3)  # there was no trial
    code, told = shell.told(load_on_trial())
    timer = next(n for n, line in enumerate(told) if line.startswith("systemd-run") and "--on-active=55" in line)
    loaded = [n for n, line in enumerate(told) if line.startswith("nft -f")]
    assert code == 0 and loaded == [len(told) - 1] and timer < loaded[0]
    assert told[-1] == f"nft -f {shell.place / Path(TRIAL).name}"


def test_rules_of_a_run_that_died_are_taken_back_before_its_timer_is_stopped(shell: Shell) -> None:
    code, told = shell.told(load_on_trial())
    assert code == 0
    assert told.index(f"nft delete table {TABLE}") < told.index(f"systemctl stop {GUARD}.timer")


def test_without_a_timer_nothing_is_loaded(shell: Shell) -> None:
    shell.program("systemctl", 3)
    shell.program("systemd-run", 1)
    code, told = shell.told(load_on_trial())
    assert code != 0 and not [line for line in told if line.startswith("nft")]


@pytest.mark.parametrize("has_rules", [True, False])
def test_what_the_timer_does_is_to_load_what_was_proven(shell: Shell, has_rules: bool) -> None:
    shell.program("systemctl", 3)
    rules, trial = (shell.place / Path(path).name for path in (RULES, TRIAL))
    trial.write_text("new\n")
    if has_rules:
        rules.write_text("proven\n")
    _, told = shell.told(load_on_trial())
    words = next(line for line in told if line.startswith("systemd-run")).partition("/bin/sh -c ")[2]
    _, later = shell.told(words)
    assert later == [f"nft -f {rules}" if has_rules else f"nft delete table {TABLE}"]
    assert not trial.exists()


def test_a_trial_that_is_over_is_taken_back_no_more(shell: Shell) -> None:
    (shell.place / Path(TRIAL).name).write_text("new\n")
    code, told = shell.told(end_trial())
    assert code == 0 and told[0] == f"systemctl stop {GUARD}.timer" and not (shell.place / Path(TRIAL).name).exists()


def test_all_of_it_goes_and_no_other_table(shell: Shell) -> None:
    rules = shell.place / Path(RULES).name
    rules.write_text("proven\n")
    _, told = shell.told(remove_firewall(()))
    assert f"nft delete table {TABLE}" in told and not rules.exists()
    assert not [line for line in told if "flush" in line]
