"""What etcdctl's answers mean; "cannot read" is never "empty"."""

from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from facts.etcd import EtcdCluster, EtcdStatus
from tests.world.answers import line

# The script is long and stands in the code; what of it matters is asserted below.
pytestmark = pytest.mark.filterwarnings("ignore:No command set for test")

TestEtcdCluster = make_fact_tests("facts", "etcd.EtcdCluster", Path(__file__).parent / "etcd.EtcdCluster")

TestEtcdStatus = make_fact_tests("facts", "etcd.EtcdStatus", Path(__file__).parent / "etcd.EtcdStatus")


def test_an_incomplete_answer_is_refused() -> None:
    with pytest.raises(FactProcessError, match="the answers are incomplete: alarms, keys, members missing"):
        EtcdCluster().process([line("health", "[]", 0)])


def test_health_without_json_is_no_health() -> None:
    answers = [line(name, "exec: etcdctl: not found", 1) for name in ("health", "members", "alarms", "keys")]
    seen = EtcdCluster().process(answers)
    assert seen["unhealthy"] == {"etcd": "exec: etcdctl: not found"}
    assert seen["members"] is seen["alarms"] is seen["keys"] is None


def test_silence_is_no_health_either() -> None:
    answers = [line(name, "", 124) for name in ("health", "members", "alarms", "keys")]
    assert EtcdCluster().process(answers)["unhealthy"] == {"etcd": "etcdctl exited with 124"}


LOGGED = '{"level":"warn","ts":"2026-11-27T18:49:52Z","msg":"retrying of unary invoker failed"}'


@pytest.mark.parametrize("text", ["{answer}\n{log}", "{log}\n{answer}", "{log}\n{answer}\n{log}"])
def test_what_etcdctl_logs_beside_its_answer_is_none(text: str) -> None:
    def mixed(answer: str) -> str:
        return text.replace("{answer}", answer).replace("{log}", LOGGED)

    member = '{"members": [{"ID": 10, "name": "h1", "peerURLs": ["https://10.0.0.1:2380"]}]}'
    said = {"health": "[]", "members": member, "alarms": "memberID:10 alarm:NOSPACE ", "keys": '{"kvs": []}'}
    seen = EtcdCluster().process([line(name, mixed(answer), 0) for name, answer in said.items()])
    assert seen["unhealthy"] == {} and seen["keys"] == {}
    assert seen["members"] is not None and [one["name"] for one in seen["members"]] == ["h1"]
    assert seen["alarms"] == ["memberID:10 alarm:NOSPACE "]


def test_a_log_alone_is_no_answer() -> None:
    said = {"health": "[]", "members": LOGGED, "alarms": "", "keys": '{"kvs": []}'}
    with pytest.raises(FactProcessError, match="EtcdCluster cannot be read"):
        EtcdCluster().process([line(name, answer, 0) for name, answer in said.items()])


def test_the_wait_has_an_end_and_the_prefix_is_quoted() -> None:
    command = EtcdCluster().command(endpoints=["https://[fd82::1]:2379"], prefix="/it's/", wait_seconds=60)
    assert "end=$(( $(date +%s) + 60 ))" in command
    assert """--prefix '/it'"'"'s/'""" in command
    assert 'ETCDCTL_ENDPOINTS="https://[fd82::1]:2379"' in command


def test_nobody_is_asked_where_no_port_is_open() -> None:
    closed = EtcdCluster().command(
        endpoints=["https://10.0.0.1:2379", "https://10.0.0.2:2379"], prefix="/", if_open=True
    )
    assert "open 10.0.0.1 2379 || open 10.0.0.2 2379" in closed


def test_a_status_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(FactProcessError, match="EtcdStatus cannot be read"):
        EtcdStatus().process(["[{]"])
    assert EtcdStatus().process(["Error: context deadline exceeded"]) == {}
