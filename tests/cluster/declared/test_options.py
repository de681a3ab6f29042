"""What each run may be told: known names and possible values; the same in the code, the hints and the pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.options import OF_EVERY_RUN, OPTIONS, RENAMED, RUNS, looks_only, option_findings, renamed_words
from cluster.settings.settings import Settings

ROOT = Path(__file__).parents[3]
READERS = {"option", "meant_member", "meant_node", "member_named", "members_named", "node_named", "nodes_named"}


def problems(run: str, **data: object) -> dict[str, str]:
    return {one.what: f"{one.problem}: {one.hint}" for one in option_findings([run], data)}


def test_a_misspelt_option_is_refused_with_what_was_meant() -> None:
    assert "Did you mean candidate?" in problems("switchover", candidat="pg2")["candidat"]
    assert "Did you mean without?" in problems("start", withuot="pg3")["withuot"]
    assert "Did you mean type?" in problems("backup", typ="full")["typ"]
    assert "Did you mean patroni_ttl?" in problems("cluster", patroni_tll=30)["patroni_tll"]


def test_an_option_of_another_run_is_refused_by_name() -> None:
    assert "option of destroy.py, remove_node.py" in problems("replace_node", wipe=True)["wipe"]
    assert "This run takes no option" in problems("status", force=True)["force"]


def test_settings_and_the_words_of_the_connectors_go_through() -> None:
    assert problems("cluster", patroni_ttl=45, ssh_user="root", _sudo_password="x", docker_image="y") == {}


@pytest.mark.parametrize(
    ("run", "name", "value", "problem"),
    [
        ("remove_node", "drain_seconds", -5, "-5 is below 0"),
        ("remove_node", "drain_seconds", 100_000, "100000 is above 3600"),
        ("remove_node", "drain_seconds", 0.5, "0.5 is not a whole number"),
        ("probe", "seconds", 0, "0 is below 1"),
        ("probe", "seconds", "long", "'long' is not a number"),
        ("probe", "seconds", float("nan"), "nan is above 3600"),
        ("backup", "type", "differential", "differential is none of full, diff, incr"),
        ("restore", "repository", 9, "9 is above 2"),
        ("restore", "timeline", -1, "-1 is below 1"),
        ("check", "format", "nftables", "nftables is none of table, nagios"),
        ("ports", "format", "nagios", "nagios is none of table, nftables, json"),
        ("stop", "force", "yes", "'yes' is not true or false"),
        ("stop", "force", 1, "1 is not true or false"),
        ("switchover", "candidate", "", "is given without a value"),
        ("switchover", "candidate", 5, "5 is not a word"),
        ("switchover", "candidate", ["pg1"], "['pg1'] is not a word"),
    ],
)
def test_a_value_that_cannot_be_is_refused(run: str, name: str, value: object, problem: str) -> None:
    assert problems(run, **{name: value})[name].startswith(problem)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_earlier_name_works_with_a_word_about_it(old: str, new: str) -> None:
    run = next(run for run, options in RUNS.items() if new in options)
    assert problems(run, **{old: True}) == {} and old not in OPTIONS
    assert renamed_words({old: True}) == [f"--data {old} is called {new} since 0.2.0; the old name works until 0.3.0"]
    assert renamed_words({new: True}) == []


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_earlier_name_beside_today_s_is_refused_and_so_is_a_wrong_value(old: str, new: str) -> None:
    run = next(run for run, options in RUNS.items() if new in options)
    assert f"earlier name of {new}" in problems(run, **{old: True, new: True})[old]
    assert "is not true or false" in problems(run, **{old: "maybe"})[new]
    assert problems("status", **{old: True}) != {}


def test_several_runs_take_what_each_of_them_takes_and_those_of_others_take_anything() -> None:
    assert option_findings(["pause", "backup"], {"type": "full"}) == []
    assert option_findings(["mine"], {"anything": 1}) == []


@given(
    st.sampled_from(sorted(RUNS)),
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(OPTIONS)), st.text()),
        st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), st.none(), st.lists(st.text()), st.just({})),
    ),
)
def test_whatever_is_given_is_taken_or_refused(run: str, data: dict[str, object]) -> None:
    refused = {one.what for one in option_findings([run], data)}
    for name in data.keys() - refused:
        foreign = name not in RUNS[run]
        assert foreign or OPTIONS[name].problem(data[name]) is None


# --- The same everywhere ---


def names_in(node: ast.AST) -> tuple[set[str], set[str]]:
    """The options that a piece of code reads, and everything that it names."""
    calls = (one for one in ast.walk(node) if isinstance(one, ast.Call) and getattr(one.func, "id", "") in READERS)
    # The option's name is the first text that a reader is given.
    texts = ([one.value for one in call.args if isinstance(one, ast.Constant)][:1] for call in calls)
    read = {one for names in texts for one in names}
    return read, {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def functions() -> dict[str, ast.AST]:
    """Those that deploys share, the readers of options left out."""
    files = [path for path in (ROOT / "deploys").glob("*/*.py") if path.stem != "options"]
    trees = [ast.parse(path.read_text()) for path in files]
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def read_by(node: ast.AST, known: dict[str, ast.AST], seen: set[str]) -> set[str]:
    read, named = names_in(node)
    for name in named & known.keys() - seen:
        seen.add(name)
        read |= read_by(known[name], known, seen)
    return read


def test_every_run_declares_what_it_reads() -> None:
    runs = {path.stem: path for path in (ROOT / "deploys").glob("*.py") if path.stem != "__init__"}
    read = {name: read_by(ast.parse(path.read_text()), functions(), set()) for name, path in runs.items()}
    assert {name: sorted(options) for name, options in read.items()} == {
        name: sorted(options) for name, options in RUNS.items()
    }


def test_every_option_is_of_a_run() -> None:
    assert set(OPTIONS) == {name for options in RUNS.values() for name in options} | set(OF_EVERY_RUN)


def test_only_a_run_that_acts_breaks_a_lock() -> None:
    assert problems("switchover", break_lock=True) == {}
    assert "option of add_node.py" in problems("status", break_lock=True)["break_lock"]
    assert {run for run in RUNS if looks_only(run)} == {
        "check",
        "doctor",
        "journal",
        "logs",
        "monitoring",
        "ports",
        "probe",
        "status",
    }


def commands() -> Iterator[tuple[str, str, str]]:
    """Where a command line of ours stands, its run, and a name that it gives a value to."""
    places = ["docs/**/*.md", "*.md", "cluster/**/*.py", "operations/**/*.py", "deploys/**/*.py", "facts/**/*.py"]
    for path in (path for place in places for path in ROOT.glob(place)):
        for run, words in re.findall(
            r"deploys/(\w+)\.py((?:\s*\[?(?:--data|\|)\s+\w+=[^\s\]`]+\]?)*)", path.read_text()
        ):
            yield from ((path.name, run, name) for name in re.findall(r"(\w+)=", words))


def test_no_page_and_no_hint_names_an_option_that_a_run_does_not_take() -> None:
    found = list(commands())
    assert len(found) > 40
    assert [one for one in found if one[2] not in {*RUNS[one[1]], *Settings.model_fields}] == []
