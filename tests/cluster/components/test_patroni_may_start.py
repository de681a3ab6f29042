"""Whether Patroni may start on a host: the script that systemd asks first, run here with an etcd that a test sets."""

from __future__ import annotations

import io
import json
import ssl
import time
import urllib.request
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from cluster.verdicts.removal_notes import Removal, removal_key
from tests.world.hosts import fake_cluster

SCRIPT = Path(__file__).parents[3] / "cluster" / "components" / "on_host" / "patroni_may_start.py"
CONFIG = """
scope: main
namespace: /service/
name: h3
etcd3: {hosts: ['10.0.0.1:2379', '10.0.0.2:2379'], cacert: ca.crt, cert: patroni.crt, key: patroni.key}
restapi: {connect_address: '10.0.0.3:8008'}
postgresql: {data_dir: /data}
"""
NOTE = {removal_key(fake_cluster(), "h3"): Removal("2026-11-21T20:00:00+00:00").text}
MAY, TAKEN_OUT, LATER = 0, 1, 255


def member(address: str) -> dict[str, str]:
    """What Patroni tells etcd of a member."""
    return {"/service/main/members/h3": json.dumps({"api_url": f"https://{address}:8008/patroni"})}


def code(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], *, silent: int = 0, files: dict[str, str] | None = None
) -> int:
    """The exit code. + keys: of etcd; + silent: how many questions go unanswered; + files: beside the configuration"""
    lying = {"/etc/patroni/config.yml": CONFIG, **(files or {})}
    questions: list[str] = []

    def read_text(path: Path) -> str:
        if str(path) not in lying:
            raise FileNotFoundError(path)
        return lying[str(path)]

    def urlopen(url: str, question: bytes, **_: Any) -> Any:
        questions.append(url)
        if len(questions) <= silent:
            raise TimeoutError("timed out")
        key = b64decode(json.loads(question)["key"]).decode()
        found = [{"value": b64encode(keys[key].encode()).decode()}] if key in keys else []
        return io.BytesIO(json.dumps({"header": {}, **({"kvs": found} if found else {})}).encode())

    text = SCRIPT.read_text()
    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(ssl, "create_default_context", MagicMock())
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        exec(compile(text, str(SCRIPT), "exec"), {"__name__": "on_host"})
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_member_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(monkeypatch, {}) == MAY


def test_a_host_that_was_taken_out_does_not_and_says_why(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert code(monkeypatch, NOTE) == TAKEN_OUT
    said = capsys.readouterr().out
    assert said.startswith("h3 was removed from main at 2026-11-21T20:00:00+00:00: Patroni is not started.\n")
    assert "deploys/add_node.py" in said


def test_its_own_key_of_just_now_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(monkeypatch, member("10.0.0.3")) == MAY


def test_a_host_whose_name_another_one_has_by_now_does_not(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert code(monkeypatch, member("10.0.0.33")) == LATER
    said = "another host is the member h3 of main, at https://10.0.0.33:8008/patroni: Patroni is not started.\n"
    assert capsys.readouterr().out == said


def test_one_silent_host_of_etcd_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(monkeypatch, NOTE, silent=1) == TAKEN_OUT


def test_an_etcd_that_comes_up_later_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(monkeypatch, NOTE, silent=20) == TAKEN_OUT


def test_without_an_answer_systemd_shall_try_again(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert code(monkeypatch, {}, silent=1000) == LATER
    assert "etcd does not say whether this host was removed: 10.0.0.2:2379: timed out" in capsys.readouterr().out


def test_whatever_goes_wrong_is_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(monkeypatch, {}, files={"/etc/patroni/config.yml": "scope: main"}) == LATER


def test_where_postgresql_runs_somebody_has_to_look_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    alive = {"/data/postmaster.pid": "42\n/data\n", "/proc/42/comm": "postgres\n"}
    assert code(monkeypatch, NOTE, files=alive) == MAY


@pytest.mark.parametrize("process", [{}, {"/proc/42/comm": "sshd\n"}])
def test_what_a_power_cut_leaves_is_no_server(monkeypatch: pytest.MonkeyPatch, process: dict[str, str]) -> None:
    assert code(monkeypatch, NOTE, files={"/data/postmaster.pid": "42\n/data\n", **process}) == TAKEN_OUT
