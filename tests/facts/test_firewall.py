"""What hosts say of their firewall: without nft, without a right to it, and with our table."""

from __future__ import annotations

import subprocess
from shlex import quote

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.preflight.firewall import ACCESS, HostFirewall, access

NONE = {"installed": True, "fails": None, "loaded": None, "recorded": None, "rules": None, "on_trial": False}


@pytest.mark.parametrize(
    ("lines", "differs"),
    [
        (["nft|absent"], {"installed": False}),
        (["nft|works"], {}),
        (["nft|fails|Operation not permitted"], {"fails": "Operation not permitted"}),
        (["nft|fails|"], {"fails": "it failed without a word"}),
        (["nft|works", "loaded|ab", "recorded|ab", "file|"], {"loaded": "ab", "recorded": "ab", "rules": []}),
        (
            ["nft|works", "file|", "rule|iif lo accept", "rule|a | b accept"],
            {"rules": ["iif lo accept", "a | b accept"]},
        ),
        (["nft|works", "on_trial|"], {"on_trial": True}),
    ],
)
def test_what_is_said(lines: list[str], differs: dict[str, object]) -> None:
    assert HostFirewall().process(lines) == NONE | differs


@pytest.mark.parametrize("lines", [[], ["nft|"], ["nft|perhaps"]])
def test_what_cannot_be_read_is_no_firewall_that_is_off(lines: list[str]) -> None:
    with pytest.raises(FactProcessError):
        HostFirewall().process(lines)


def test_the_question_is_one_that_a_shell_takes() -> None:
    done = subprocess.run(["sh", "-n"], input=HostFirewall().command(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_who_comes_by_ssh_is_found_although_sudo_hides_it() -> None:
    """As sudo has it: a shell without the variable below one that has it."""
    inner = f"env -u SSH_CONNECTION sh -c {quote(ACCESS)}"
    environment = {"SSH_CONNECTION": "192.0.2.7 50000 10.0.0.1 2222", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    words = ["sh", "-c", f"{inner}; true"]
    done = subprocess.run(words, env=environment, text=True, capture_output=True, check=True)
    lines: dict[str, list[list[str]]] = {}
    for line in done.stdout.splitlines():
        word, *rest = line.split("|")
        lines.setdefault(word, []).append(rest)
    found = access(lines)
    assert found is not None and (found["source"], found["port"]) == ("192.0.2.7", 2222)


def test_who_does_not_come_by_ssh_has_no_source() -> None:
    assert access({"may_filter": [["1"]]}) == {"may_filter": True, "source": None, "port": None}
    assert access({"may_filter": [["0"]], "ssh": [["fe80::7%eth0 50000 fe80::1%eth0 22"]]}) == {
        "may_filter": False,
        "source": "fe80::7",
        "port": 22,
    }
    assert access({}) is None
