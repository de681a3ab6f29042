"""Every file of the lab's tests has its area, and every promise of the README its test in the core."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from functools import cache

import pytest

from tests.lab import areas, suite
from tests.lab.areas import AREAS, CORE_MINUTES, FILES, PROMISED_ELSEWHERE, PROMISES, LabFile, selected
from tests.lab.paths import ROOT

LAB = ROOT / "tests" / "lab"
WHERE = "tests/lab/areas.py"
README = (ROOT / "README.md").read_text()
LABS_AT_A_TIME = 2


@cache
def own_tests(name: str) -> tuple[str, ...]:
    """The tests of a file, in its order, a class's with its name before theirs."""
    found = []
    (path,) = LAB.rglob(name)
    for node in ast.parse(path.read_text()).body:
        within = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        functions = [one for one in within if isinstance(one, ast.FunctionDef)]
        found += [f"{prefix}{one.name}" for one in functions if one.name.startswith("test_")]
    return tuple(found)


def promised() -> list[str]:
    """The sentences of README.md, "Guarantees", each on one line."""
    section = README.partition("## Guarantees\n")[2].partition("\n## ")[0]
    return [" ".join(one.split()) for one in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]


# --- The areas ---


def test_every_file_of_the_lab_is_listed_once() -> None:
    there = {path.name for path in LAB.rglob("test_*.py")}
    assert [file.name for file in FILES if not (LAB / file.area / file.name).exists()] == [], "put it into its area's"
    counts = Counter(file.name for file in FILES)
    absent = [f'LabFile("{name}", "AREA"),' for name in sorted(there - set(counts))]
    assert not absent, f"add to FILES in {WHERE}, with an area of {', '.join(AREAS)}: {' '.join(absent)}"
    assert sorted(set(counts) - there) == [], f"take out of FILES in {WHERE}: there is no such file"
    assert [name for name, count in counts.items() if count > 1] == [], f"twice in FILES in {WHERE}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_is_in_a_folder_that_pytest_passes_by(file: LabFile, pytestconfig: pytest.Config) -> None:
    passed_by = pytestconfig.getini("norecursedirs")
    assert [pattern for pattern in passed_by if fnmatch(file.area, pattern)] == []


def test_the_files_are_listed_in_their_order() -> None:
    """So that two who add one rarely touch the same line."""
    names = [file.name for file in FILES]
    assert names == sorted(names), f"sort FILES in {WHERE} by name"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_in_an_area_that_there_is(file: LabFile) -> None:
    assert file.area in AREAS, f"{WHERE}: {file.name} is in {file.area!r}; there are {', '.join(AREAS)}"


@pytest.mark.parametrize("area", AREAS)
def test_no_area_is_empty(area: str) -> None:
    assert [file.name for file in FILES if file.area == area], f"take {area} out of AREAS in {WHERE}"


# --- The core ---


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_the_core_takes_of_a_file_is_there(file: LabFile) -> None:
    named = [*file.only, *([file.until] if file.until else [])]
    assert [name for name in named if name not in own_tests(file.name)] == [], f"{WHERE}: {file.name} has no such test"
    assert not (file.only and file.until), f"{WHERE}: {file.name} has `until` or `only`, not both"
    assert list(file.only) == file.chosen(own_tests(file.name)) or not file.only, "in the order of the file"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_core_says_why_and_how_long_it_takes(file: LabFile) -> None:
    if file.core:
        assert len(file.core.split()) >= 4, f"{WHERE}: say in a sentence why {file.name} is in the core"
        assert file.minutes > 0, f"{WHERE}: measure how long the core's part of {file.name} takes"
    else:
        assert not (file.minutes or file.until or file.only), (
            f"{WHERE}: {file.name} is not in the core, for it lacks why"
        )


def test_the_core_keeps_to_its_time() -> None:
    minutes = sum(file.minutes for file in FILES) / LABS_AT_A_TIME
    assert minutes <= CORE_MINUTES, (
        f"the core takes {minutes:.0f} minutes, {CORE_MINUTES} are the most: "
        f"take a file out of it in {WHERE}, or fewer of its tests"
    )


# --- The promises ---


def beginnings(text: str, known: Mapping[str, object]) -> list[str]:
    return [words for words in known if text.startswith(words)]


@pytest.mark.parametrize("sentence", promised(), ids=lambda text: text[:40])
def test_every_promise_has_its_core_test(sentence: str) -> None:
    found = beginnings(sentence, PROMISES)
    assert len(found) == 1, f"name the core test of this promise of README.md in PROMISES of {WHERE}: {sentence}"
    assert PROMISES[found[0]], sentence


def test_there_are_promises_and_each_that_is_listed_is_one_of_them() -> None:
    assert promised()
    gone = [words for words in PROMISES if not any(sentence.startswith(words) for sentence in promised())]
    assert gone == [], f"README.md does not promise this any more: take it out of PROMISES in {WHERE}"
    text = " ".join(README.split())
    gone = [words for words in PROMISED_ELSEWHERE if words not in text]
    assert gone == [], f"README.md says it in other words now: so must PROMISED_ELSEWHERE in {WHERE}"


@pytest.mark.parametrize(
    ("words", "proofs"), [*PROMISES.items(), *PROMISED_ELSEWHERE.items()], ids=lambda it: it if it else "none"
)
def test_what_proves_a_promise_is_in_the_core(words: str, proofs: tuple[str, ...]) -> None:
    assert proofs
    for proof in proofs:
        name, _, test = proof.partition("::")
        file = areas.listed(name)
        assert file is not None and file.core, f"{WHERE}: {name} proves {words!r} and is not in the core"
        core = file.chosen(own_tests(name))
        assert core and (not test or test in core), f"{WHERE}: {proof} proves {words!r} and is not in the core"


# --- The selection ---

STORY = LabFile("test_story.py", "build", "why it is", 1, until="test_second")
PARTS = LabFile("test_parts.py", "etcd", "why it is", 1, only=("test_first", "test_third"))
WHOLE = LabFile("test_whole.py", "etcd", "why it is", 1)
IDS = [
    f"tests/lab/{file}::{test}"
    for file in ("test_story.py", "test_parts.py", "test_whole.py", "test_other.py", "test_unlisted.py")
    for test in ("test_first", "test_second[a::b]", "test_second[c]", "test_third")
]


def ids(file: str, *tests: str) -> set[str]:
    return {f"tests/lab/test_{file}.py::test_{test}" for test in tests}


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> Iterable[LabFile]:
    files = (STORY, PARTS, WHOLE, LabFile("test_other.py", "etcd"))
    monkeypatch.setattr(areas, "FILES", files)
    return files


def test_nothing_asked_for_is_all_of_it(four: Iterable[LabFile]) -> None:
    assert selected(IDS) == set(IDS)


def test_the_core_is_a_story_to_its_end_or_the_parts_that_are_named(four: Iterable[LabFile]) -> None:
    whole = ids("whole", "first", "second[a::b]", "second[c]", "third")
    story = ids("story", "first", "second[a::b]", "second[c]")
    assert selected(IDS, core=True) == {*story, *ids("parts", "first", "third"), *whole}


def test_an_area_is_all_of_its_files_and_with_the_core_what_is_in_both(four: Iterable[LabFile]) -> None:
    build = ids("story", "first", "second[a::b]", "second[c]", "third")
    assert selected(IDS, area="build") == build
    assert selected(IDS, core=True, area="build") == build - ids("story", "third")


def test_an_area_that_there_is_not_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert suite.main(["restores"]) == suite.main([]) == suite.main(["etcd", "power"]) == 2
    said = capsys.readouterr().err
    assert "there is no area 'restores' of the lab's tests\nHINT: make test-lab AREA=..." in said
    assert all(f"  {name} " in said for name in AREAS)
