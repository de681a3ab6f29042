"""
The script that restarts one member, run here with stand-ins: Patroni's REST API, psql and the clock are fakes that a
test sets, everything between them is the real thing.
"""

from __future__ import annotations

import io
import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "operations" / "util" / "on_host" / "patroni_restart.py"
CONFIG = """
restapi:
  connect_address: 10.0.0.2:8008
  cafile: /etc/patroni/pki/ca.crt
  certfile: /etc/patroni/pki/patroni.crt
  keyfile: /etc/patroni/pki/patroni.key
  authentication: {username: patroni, password: Value-of-password}
postgresql: {listen: '10.0.0.2:5433'}
"""
ASKED = {
    "role": "replica",
    "pending": True,
    "late": False,
    "seconds": 300,
    "notice_seconds": 30,
    "follow_seconds": 30,
    "target": 4711,
    "standbys": ["h2", "h3"],
}
PENDING = {"state": "running", "role": "replica", "pending_restart": True}


@dataclass
class Member:
    """
    One member over time. Seconds of its clock pass only while the script waits.

    + patroni: what GET /patroni answers, by the clock: text, an object, or an error
    + restart: what POST /restart answers: status and text
    + well_after: seconds after that until PostgreSQL is well
    + caught_up_after: seconds after that until it has all WAL that the leader had written
    + does: statement and request in their order
    """

    patroni: Callable[[float], Any] = lambda _: PENDING
    restart: tuple[int, str] = (200, "restarted successfully")
    restart_seconds: float = 2.0
    well_after: float = 0.0
    caught_up_after: float = 0.0
    psql_hangs: bool = False
    clock: float = 1000.0
    well_from: float = float("inf")
    caught_up_from: float = float("inf")
    does: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    words: list[list[str]] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def urlopen(self, request: urllib.request.Request, timeout: float, context: Any) -> Any:
        path = request.full_url.removeprefix("https://10.0.0.2:8008/")
        if path == "patroni":
            return self._answer(200, self.patroni(self.clock - 1000))
        assert path == "restart"
        self.does.append("restart")
        self.bodies.append(json.loads(request.data))  # type: ignore[arg-type]
        self.headers.append(dict(request.header_items()))
        self.clock += min(self.restart_seconds, timeout)
        self.well_from = self.clock + self.well_after
        self.caught_up_from = self.clock + self.caught_up_after
        status, text = self.restart if self.restart_seconds <= timeout else (0, "timed out")
        return self._answer(status, OSError(text) if status == 0 else text)

    @staticmethod
    def _answer(status: int, said: Any) -> Any:
        if isinstance(said, Exception):
            raise said
        body = io.BytesIO((said if isinstance(said, str) else json.dumps(said)).encode())
        if status != 200:
            raise urllib.error.HTTPError("", status, "", None, body)  # type: ignore[arg-type]
        body.status = status  # type: ignore[attr-defined]
        return body

    def psql(self, words: list[str], timeout: float, **_: Any) -> Any:
        self.words.append(words)
        statement = words[-1]
        self.does.append("checkpoint" if statement == "checkpoint" else "look")
        if self.psql_hangs:
            self.clock += timeout
            raise subprocess.TimeoutExpired(words, timeout)
        asks_for_wal = statement.endswith(f"- '0/0'::pg_lsn >= {ASKED['target']}")
        since = max(self.well_from, self.caught_up_from) if asks_for_wal else self.well_from
        well = statement == "checkpoint" or self.clock >= since
        return subprocess.CompletedProcess(words, 0 if well else 2, "t\n" if well else "", "")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run the script on a member. Returns what it prints. + asked: what differs from ``ASKED``"""

    def run(member: Member, **asked: Any) -> dict[str, Any]:
        text = SCRIPT.read_text()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_text", lambda _: CONFIG)
            patch.setattr(ssl, "create_default_context", lambda **_: _Tls())
            patch.setattr(urllib.request, "urlopen", member.urlopen)
            patch.setattr(subprocess, "run", member.psql)
            patch.setattr(time, "monotonic", member.monotonic)
            patch.setattr(time, "sleep", member.sleep)
            patch.setattr(sys, "argv", ["-c", json.dumps({**ASKED, **asked})])
            with pytest.raises(SystemExit) as ended:
                exec(compile(text, str(SCRIPT), "exec"), {"__name__": "on_host"})
        assert ended.value.code == 0
        (line,) = capsys.readouterr().out.splitlines()
        said: dict[str, Any] = json.loads(line)
        return said

    return run


class _Tls:
    def load_cert_chain(self, certificate: str, key: str) -> None:
        assert (certificate, key) == ("/etc/patroni/pki/patroni.crt", "/etc/patroni/pki/patroni.key")


Run = Callable[..., dict[str, Any]]


def test_a_standby_is_restarted_after_a_checkpoint_and_waited_for(run: Run) -> None:
    member = Member(well_after=3)
    said = run(member)
    assert (said["asked"], said["status"], said["text"], said["ready"]) == (True, 200, "restarted successfully", True)
    assert said["seconds"] == pytest.approx(5, abs=0.2)
    assert member.does[:3] == ["checkpoint", "restart", "look"]
    assert member.bodies == [{"restart_pending": True, "role": "replica"}]


def test_a_standby_is_well_when_it_has_what_the_leader_had_written(run: Run) -> None:
    """Else the next one is restarted while nobody has the newest WAL beside the primary."""
    said = run(Member(caught_up_after=7))
    assert (said["ready"], said["seconds"]) == (True, pytest.approx(9, abs=0.2))


def test_one_that_replays_late_is_not_waited_for(run: Run) -> None:
    said = run(Member(caught_up_after=7), late=True)
    assert (said["ready"], said["seconds"]) == (True, pytest.approx(2, abs=0.2))


@pytest.mark.parametrize("role", ["primary", "master"])
def test_the_primary_has_two_checkpoints_and_is_called_as_it_calls_itself(run: Run, role: str) -> None:
    """The second is short, for the first wrote almost all; Patroni before 4.0 says master."""
    member = Member(patroni=lambda _: {**PENDING, "role": role})
    assert run(member, role="primary")["ready"] is True
    assert member.does == ["checkpoint", "checkpoint", "restart", "look", "look"]
    assert member.bodies == [{"restart_pending": True, "role": role}]


def test_the_flag_is_waited_for(run: Run) -> None:
    member = Member(patroni=lambda now: PENDING if now > 12 else {**PENDING, "pending_restart": False})
    assert run(member)["ready"] is True
    assert member.clock > 1012


@pytest.mark.parametrize(
    "answer",
    [
        {"state": "running", "role": "replica"},
        {**PENDING, "state": "starting"},
        "a page of something else",
        ConnectionRefusedError(111, "Connection refused"),
    ],
    ids=["no flag", "starting", "no JSON", "silent"],
)
def test_without_the_flag_nothing_is_asked(run: Run, answer: Any) -> None:
    member = Member(patroni=lambda _: answer)
    said = run(member)
    assert (said["asked"], said["ready"]) == (False, False)
    assert said["text"] == "Patroni here does not say that a restart is pending"
    assert 1030 <= member.clock < 1031
    assert member.does == []


def test_the_flag_counts_also_with_status_503(run: Run) -> None:
    """As a standby's Patroni answers while it does not serve."""
    error = urllib.error.HTTPError("", 503, "", None, io.BytesIO(json.dumps(PENDING).encode()))  # type: ignore[arg-type]
    assert run(Member(patroni=lambda _: error))["asked"] is True


@pytest.mark.parametrize(
    ("expected", "role"),
    [
        *(("primary", "replica"), ("replica", "primary"), ("replica", "master")),
        *(("primary", "standby_leader"), ("standby_leader", "replica"), ("standby_leader", "primary")),
    ],
)
def test_another_role_than_expected_is_left_alone(run: Run, expected: str, role: str) -> None:
    member = Member(patroni=lambda _: {**PENDING, "role": role})
    said = run(member, role=expected)
    assert (said["asked"], said["ready"], said["text"]) == (False, False, f"it is a {role} now")
    assert member.does == []


def test_a_role_that_changes_in_the_last_moment_is_left_alone(run: Run) -> None:
    member = Member(restart=(503, "restart conditions are not satisfied"))
    said = run(member)
    assert (said["asked"], said["status"]) == (False, 503)
    assert member.does == ["checkpoint", "restart"]


def test_503_is_no_failure_while_postgresql_is_still_starting(run: Run) -> None:
    said = run(Member(restart=(503, "postgres is still starting"), well_after=20))
    assert (said["asked"], said["status"], said["ready"]) == (True, 503, True)


def test_a_restart_that_fails_is_soon_told(run: Run) -> None:
    member = Member(restart=(503, "restart failed"), well_after=float("inf"))
    said = run(member)
    assert (said["asked"], said["status"], said["text"], said["ready"]) == (True, 503, "restart failed", False)
    assert said["seconds"] == pytest.approx(32, abs=0.5)


def test_an_accepted_restart_is_waited_for_as_long_as_a_member_may_take(run: Run) -> None:
    said = run(Member(well_after=290))
    assert said["ready"] is True
    said = run(Member(well_after=float("inf")))
    assert (said["asked"], said["ready"]) == (True, False)
    assert said["seconds"] == pytest.approx(300, abs=0.5)


def test_a_request_without_an_answer_was_asked_all_the_same(run: Run) -> None:
    said = run(Member(restart_seconds=400, well_after=float("inf")))
    assert (said["asked"], said["status"], said["text"], said["ready"]) == (True, 0, "timed out", False)


def test_a_postgresql_that_hangs_does_not_hold_it_up_for_ever(run: Run) -> None:
    said = run(Member(psql_hangs=True))
    assert (said["asked"], said["ready"]) == (True, False)
    assert said["seconds"] <= 310


def test_a_standby_is_well_when_it_streams_and_has_what_the_leader_had_written(run: Run) -> None:
    member = Member()
    run(member)
    asked = member.words[-1]
    assert asked[:5] == ["runuser", "-u", "postgres", "--", "psql"]
    assert asked[asked.index("-p") + 1] == "5433"
    assert "status = 'streaming'" in asked[-1]
    assert asked[-1].endswith(">= 4711")


def test_a_standby_that_replays_late_is_well_when_it_is_one(run: Run) -> None:
    member = Member()
    assert run(member, late=True)["ready"] is True
    assert member.words[-1][-1] == "select pg_is_in_recovery()"


@pytest.mark.parametrize(("standbys", "names", "count"), [(["h2", "h3"], '{"h2","h3"}', 2), (["a-b"], '{"a-b"}', 1)])
def test_a_primary_is_well_when_it_writes_and_its_standbys_are_waited_for(
    run: Run, standbys: list[str], names: str, count: int
) -> None:
    member = Member(patroni=lambda _: {**PENDING, "role": "primary"})
    run(member, role="primary", standbys=standbys)
    writes, follow = (words[-1] for words in member.words[-2:])
    assert writes == "select txid_current() > 0"
    assert follow.startswith(f"select count(distinct application_name) >= {count} ")
    assert f"any('{names}')" in follow


def test_a_primary_without_standbys_waits_for_none(run: Run) -> None:
    member = Member(patroni=lambda _: {**PENDING, "role": "primary"})
    assert run(member, role="primary", standbys=[])["ready"] is True
    assert member.words[-1][-1] == "select txid_current() > 0"


def test_on_demand_no_restart_has_to_be_pending(run: Run) -> None:
    member = Member(patroni=lambda _: {"state": "running", "role": "replica"})
    assert run(member, pending=False)["ready"] is True
    assert member.bodies == [{"role": "replica"}]


def test_on_demand_a_postgresql_that_does_not_run_is_left_alone(run: Run) -> None:
    member = Member(patroni=lambda _: {"state": "start failed", "role": "replica"})
    said = run(member, pending=False)
    assert (said["asked"], said["text"]) == (False, "Patroni here does not say that PostgreSQL runs")
    assert member.does == []


def test_a_standby_leader_is_restarted_as_a_standby_and_its_standbys_are_waited_for(run: Run) -> None:
    member = Member(patroni=lambda _: {**PENDING, "role": "standby_leader"})
    assert run(member, role="standby_leader")["ready"] is True
    assert member.bodies == [{"restart_pending": True}]
    streams, follow = (words[-1] for words in member.words[-2:])
    assert "status = 'streaming'" in streams and "pg_stat_replication" in follow


def test_the_password_is_in_the_header_alone(run: Run) -> None:
    member = Member()
    said = run(member)
    assert member.headers[0]["Authorization"].startswith("Basic ")
    assert "Value-of-password" not in json.dumps([said, member.words, member.bodies])
