"""How a text that is not as it was reviewed is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.review import KEEP, assert_reviewed, assert_reviewed_text, kept

OLD = {"same": "1\n", "pg1/etc/x": "a\nb\nc\n", "gone": "g\n"}
NEW = {"same": "1\n", "pg1/etc/x": "a\nB\nc\n", "come": "c\n"}


@pytest.fixture
def reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path, text in OLD.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.delenv("UPDATE_GOLDEN", raising=False)
    return tmp_path


def test_the_same_texts_pass(reviewed: Path) -> None:
    assert_reviewed(OLD, reviewed)


def test_what_differs_is_a_diff_with_the_command_that_keeps_it(reviewed: Path) -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        assert_reviewed(NEW, reviewed)
    assert str(failed.value).splitlines() == [
        "not kept yet: come",
        "only kept: gone",
        *("--- kept/pg1/etc/x", "+++ now/pg1/etc/x", "@@ -1,4 +1,4 @@", " a", "-b", "+B", " c", " "),
        KEEP,
    ]


@pytest.mark.parametrize("text", ["1", "1\n\n", "1\r\n", ""])
def test_the_end_of_a_text_counts(reviewed: Path, text: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="now/same"):
        assert_reviewed_text(text, reviewed / "same")


def test_a_text_that_nobody_has_reviewed_fails(reviewed: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="not kept yet: new"):
        assert_reviewed_text("x\n", reviewed / "new")


def test_asked_for_they_are_kept_and_the_others_go(reviewed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    assert_reviewed(NEW, reviewed)
    assert kept(reviewed) == NEW
    assert_reviewed_text("x\n", reviewed / "new")
    assert kept(reviewed) == {**NEW, "new": "x\n"}
