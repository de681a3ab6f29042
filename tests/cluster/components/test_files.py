"""When what lies on a host is what is declared, and what a component has to do about the rest."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.component import Component, Unit
from cluster.components.files import Directory, File

FILE = File("/etc/app.conf", "a = 1\n", "app", "adm", "640")
DIRECTORY = Directory("/etc/app", "app", "adm", "750")


def seen_file(**changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(b"a = 1\n").hexdigest()
    return {"kind": "file", "mode": "640", "user": "app", "group": "adm", "sha256": digest} | changes


def seen_directory(**changes: Any) -> dict[str, Any]:
    return {"kind": "directory", "mode": "750", "user": "app", "group": "adm"} | changes


def test_fits() -> None:
    assert FILE.fits(seen_file())
    assert DIRECTORY.fits(seen_directory())


@pytest.mark.parametrize(
    "change", [{"mode": "644"}, {"user": "root"}, {"group": "root"}, {"sha256": "0"}, {"kind": "link"}]
)
def test_a_file_that_differs_in_anything_does_not_fit(change: dict[str, str]) -> None:
    assert not FILE.fits(seen_file(**change))


@pytest.mark.parametrize("change", [{"mode": "755"}, {"user": "root"}, {"group": "root"}, {"kind": "link"}])
def test_a_directory_that_differs_in_anything_does_not_fit(change: dict[str, str]) -> None:
    assert not DIRECTORY.fits(seen_directory(**change))


@pytest.mark.parametrize(
    ("declared", "seen", "fits"), [("750", "2750", True), ("1775", "3775", True), ("2750", "750", False)]
)
def test_a_set_group_id_bit_that_nobody_declared_is_left(declared: str, seen: str, fits: bool) -> None:
    """GNU's chmod would keep it, and every run would change the directory again."""
    assert Directory("/var/log/app", "app", "adm", declared).fits(seen_directory(mode=seen)) is fits


def test_what_is_absent_does_not_fit() -> None:
    assert not FILE.fits(None)
    assert not DIRECTORY.fits(None)


def test_a_file_where_a_directory_belongs_does_not_fit() -> None:
    assert not DIRECTORY.fits(seen_file())
    assert not FILE.fits(seen_directory())


@given(st.text())
def test_the_digest_is_that_of_the_bytes(content: str) -> None:
    assert File("/x", content).digest == hashlib.sha256(content.encode()).hexdigest()


def test_the_content_is_never_printed() -> None:
    file = File("/etc/secret", "password = hunter2\n")
    assert repr(file) == "File(/etc/secret)"
    assert "hunter2" not in f"{Component(files=(file,))!r}"


COMPONENT = Component((DIRECTORY,), (FILE,), (Unit("app", ("/etc/app.conf",)),))


def test_directories_are_made_before_the_files_in_them() -> None:
    assert COMPONENT.missing({"/etc/app": None, "/etc/app.conf": None}) == [DIRECTORY, FILE]


def test_only_what_differs_is_missing() -> None:
    assert COMPONENT.missing({"/etc/app": seen_directory(), "/etc/app.conf": seen_file()}) == []
    assert COMPONENT.missing({"/etc/app": seen_directory(), "/etc/app.conf": None}) == [FILE]


def test_one_question_asks_for_all_of_it() -> None:
    question = {"paths": ["/etc/app", "/etc/app.conf"], "units": {"app": ["/etc/app.conf"]}}
    assert COMPONENT.question == question
