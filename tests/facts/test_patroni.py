"""What Patroni says, without the differences between its versions; and what a member has."""

from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from facts.patroni import MemberResources, PatroniCluster, PatroniHistory, PatroniPauseSeen

# The command holds a whole script; what of it matters is asserted below.
pytestmark = pytest.mark.filterwarnings("ignore:No command set for test")

HERE = Path(__file__).parent

TestPatroniCluster = make_fact_tests("facts", "patroni.PatroniCluster", HERE / "patroni.PatroniCluster")
TestPatroniHistory = make_fact_tests("facts", "patroni.PatroniHistory", HERE / "patroni.PatroniHistory")
TestMemberResources = make_fact_tests("facts", "patroni.MemberResources", HERE / "patroni.MemberResources")


@pytest.mark.parametrize("output", [["Traceback (most recent call last):"], [""], ["{"]])
def test_garbage_is_refused(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="the answer about Patroni cannot be read"):
        PatroniCluster().process(output)


def test_what_is_expected_is_an_argument_and_nothing_secret_is() -> None:
    command = PatroniCluster().command(expected=["pg1", "it's"], wait_seconds=30)
    assert command.startswith("if [ -e /etc/patroni/config.yml ]; then python3 -c ")
    assert """{"expected": ["pg1", "it'"'"'s"], "wait": 30, "beyond_timeline": 0}""" in command
    assert command.endswith("else echo '{}'; fi")


def test_the_size_of_the_disk_is_asked_where_the_data_will_be() -> None:
    assert "d='/srv/pg data'; while [ ! -e" in MemberResources().command(directory="/srv/pg data")


@pytest.mark.parametrize(("said", "known"), [("true", True), ("false", False), ("null", None)])
def test_a_member_that_does_not_answer_knows_neither_pause_nor_its_end(said: str, known: bool | None) -> None:
    assert PatroniPauseSeen().process([said]) is known
    assert """ '{"wanted": true, "wait": 30}'""" in PatroniPauseSeen().command(wanted=True, wait_seconds=30)


def test_a_history_that_cannot_be_read_is_no_empty_one() -> None:
    with pytest.raises(FactProcessError, match="PatroniHistory cannot be read"):
        PatroniHistory().process(["Traceback (most recent call last):"])
    assert PatroniHistory.default() is None
