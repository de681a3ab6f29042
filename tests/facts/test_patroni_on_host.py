"""What the script on a member makes of the REST API's answers, which differ between Patroni's versions."""

from __future__ import annotations

import http.client
import io
import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "facts" / "on_host" / "patroni_ask.py"
CONFIG = "restapi: {connect_address: '10.0.0.1:8008', cafile: /etc/patroni/pki/ca.crt}\n"
OWN = "https://10.0.0.1:8008"


def seen(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, answers: dict[str, Any], *expected: str, **asked: Any
) -> dict[str, Any]:
    """What the script prints. + answers: by URL, or an error; what is not in it refuses the connection"""

    def urlopen(url: str, **_: Any) -> Any:
        answer = answers.get(url, ConnectionRefusedError(111, "Connection refused"))
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(json.dumps(answer).encode())

    text = SCRIPT.read_text()
    monkeypatch.setattr(Path, "read_text", lambda _: CONFIG)
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: None)
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(sys, "argv", ["-c", json.dumps({"expected": list(expected), "wait": 0, **asked})])
    exec(compile(text, str(SCRIPT), "exec"), {"__name__": "on_host"})
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def member(name: str, role: str, state: str, **more: Any) -> dict[str, Any]:
    number = int(name[-1])
    url = f"https://10.0.0.{number}:8008/patroni"
    return {"name": name, "role": role, "state": state, "api_url": url, "timeline": 3, "host": "h", "port": 5432} | more


def patroni(version: str, *streaming: str) -> dict[str, Any]:
    """A member's own answer. + streaming: who streams from it"""
    replication = [{"application_name": name, "state": "streaming"} for name in streaming]
    return {"patroni": {"version": version}, **({"replication": replication} if streaming else {})}


def test_patroni_4_says_itself_who_streams(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    members = [
        member("pg1", "leader", "running", pending_restart=True, pending_restart_reason={"max_connections": {}}),
        member("pg2", "sync_standby", "streaming", lag=0, tags={"clonefrom": True}),
        member("pg3", "replica", "in archive recovery", lag=5 * 1048576, scheduled_restart={"schedule": "2030"}),
    ]
    switch = {"at": "2030-01-01T00:00:00+00:00", "from": "pg1"}
    answers = {
        f"{OWN}/cluster": {"members": members, "pause": True, "scheduled_switchover": switch},
        f"{OWN}/patroni": patroni("4.0.7"),
        f"{OWN}/config": {"ttl": 30},
    }
    found = seen(monkeypatch, capsys, answers, "pg1", "pg2")
    assert (found["answers"], found["leader"], found["version"]) == (True, "pg1", "4.0.7")
    assert (found["paused"], found["scheduled_switchover"], found["settled"]) == (True, switch, True)
    pg1, pg2, pg3 = (found["members"][name] for name in ("pg1", "pg2", "pg3"))
    assert (pg1["streaming"], pg1["pending_restart"], pg1["pending_reason"]) == (False, True, {"max_connections": {}})
    assert (pg2["streaming"], pg2["synchronous"], pg2["tags"]) == (True, True, {"clonefrom": True})
    assert (pg3["running"], pg3["streaming"], pg3["lag_mib"], pg3["scheduled_restart"]) == (True, False, 5, True)


def test_before_3_0_4_the_senders_say_it_also_for_a_cascade(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    members = [
        member("pg1", "leader", "running"),
        member("pg2", "replica", "running", lag=0),
        member("pg3", "replica", "running", lag=0, tags={"replicatefrom": "pg2"}),
    ]
    answers = {
        f"{OWN}/cluster": {"members": members},
        f"{OWN}/patroni": {"role": "master", **patroni("3.0.2", "pg2")},
        "https://10.0.0.2:8008/patroni": patroni("3.0.2", "pg3"),
        f"{OWN}/config": {},
    }
    found = seen(monkeypatch, capsys, answers, "pg1", "pg2", "pg3")
    assert found["leader"] == "pg1"
    assert [name for name, one in found["members"].items() if one["streaming"]] == ["pg2", "pg3"]
    assert found["settled"] is True


def test_before_3_0_4_a_standby_that_runs_and_does_not_stream_is_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    members = [member("pg1", "leader", "running"), member("pg2", "replica", "running", lag="unknown")]
    answers = {
        f"{OWN}/cluster": {"members": members},
        f"{OWN}/patroni": patroni("3.0.2"),
        f"{OWN}/config": {},
    }
    pg2 = seen(monkeypatch, capsys, answers, "pg1", "pg2")["members"]["pg2"]
    assert (pg2["running"], pg2["streaming"], pg2["lag_mib"], pg2["pending_reason"]) == (True, False, None, {})


@pytest.mark.parametrize(
    ("live", "word", "settled"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"state": "starting"}, False),
        (True, {"role": "primary"}, False),
        (True, {"replication_state": "in archive recovery"}, False),
        (True, {"timeline": 2}, False),
    ],
)
def test_members_that_run_by_their_own_word_are_believed_before_the_others_have_heard(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, live: bool, word: dict[str, Any], settled: bool
) -> None:
    members = [member("pg1", "leader", "starting"), member("pg2", "replica", "creating replica", timeline=None)]
    standby = {"state": "running", "role": "replica", "replication_state": "streaming", "timeline": 3, **word}
    answers = {
        f"{OWN}/cluster": {"members": members},
        f"{OWN}/patroni": {**patroni("4.0.7", "pg2"), "state": "running", "role": "primary", "timeline": 3},
        "https://10.0.0.2:8008/patroni": standby,
        f"{OWN}/config": {},
    }
    assert seen(monkeypatch, capsys, answers, "pg1", "pg2", live=live)["settled"] is settled


def test_an_answer_of_503_counts(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    own = urllib.error.HTTPError(f"{OWN}/patroni", 503, "", None, io.BytesIO(json.dumps(patroni("4.0.7")).encode()))  # type: ignore[arg-type]
    answers = {f"{OWN}/cluster": {"members": []}, f"{OWN}/patroni": own, f"{OWN}/config": None}
    found = seen(monkeypatch, capsys, answers)
    assert (found["answers"], found["leader"], found["members"], found["config"]) == (True, None, {}, None)


def test_silence_is_no_empty_cluster(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    found = seen(monkeypatch, capsys, {})
    assert found == {"answers": False, "error": "[Errno 111] Connection refused", "settled": False}


def test_an_answer_that_breaks_off_is_silence(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Patroni begins its REST API anew when it loads a new certificate."""
    found = seen(monkeypatch, capsys, {f"{OWN}/cluster": http.client.IncompleteRead(b"{", 100)})
    assert (found["answers"], found["settled"]) == (False, False)


@pytest.mark.parametrize("wanted", [None, True, False])
@pytest.mark.parametrize("role", ["sync_standby", "quorum_standby", "replica"])
def test_it_can_be_waited_for_until_somebody_or_nobody_is_synchronous(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, role: str, wanted: bool | None
) -> None:
    members = [member("pg1", "leader", "running"), member("pg2", role, "streaming", lag=0)]
    answers = {f"{OWN}/cluster": {"members": members}, f"{OWN}/patroni": patroni("4.0.7"), f"{OWN}/config": {}}
    found = seen(monkeypatch, capsys, answers, "pg1", "pg2", synchronous=wanted)
    assert found["settled"] is (wanted in (None, role != "replica"))


@pytest.mark.parametrize(
    ("tags", "settled"),
    [
        ({"clonefrom": True}, True),
        ({"nofailover": True}, True),
        ({"clonefrom": True, "nofailover": True, "nosync": True}, False),
    ],
)
def test_it_can_be_waited_for_until_a_member_has_lost_its_mark(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tags: dict[str, bool], settled: bool
) -> None:
    mark = {"nofailover": True, "nosync": True}
    members = [member("pg1", "leader", "running"), member("pg2", "replica", "streaming", lag=0, tags=tags)]
    answers = {f"{OWN}/cluster": {"members": members}, f"{OWN}/patroni": patroni("4.0.7"), f"{OWN}/config": {}}
    assert seen(monkeypatch, capsys, answers, "pg1", "pg2", unmarked={"pg2": mark})["settled"] is settled
