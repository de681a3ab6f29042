"""The one refusal: a single obstacle is a sentence, several are a list, and what was changed is said truly."""

from __future__ import annotations

import pytest

from cluster.errors import UnsafeError
from cluster.obstacles import Obstacle, refusal_text, refuse

DOWN, FULL = Obstacle("pg3 is down", "bring it back"), Obstacle("etcd has an alarm: NOSPACE", "fix etcd")


def test_one_reason_is_one_sentence_and_several_are_a_list() -> None:
    assert refusal_text("main is not stopped now", [DOWN]) == (
        "main is not stopped now: pg3 is down\nHINT: bring it back; nothing was changed."
    )
    assert refusal_text("main is not stopped now", [DOWN, FULL]) == (
        "main is not stopped now, for 2 reasons; nothing was changed:\n"
        "  pg3 is down\n    HINT: bring it back.\n"
        "  etcd has an alarm: NOSPACE\n    HINT: fix etcd."
    )


def test_a_run_that_has_acted_does_not_say_that_nothing_was_changed() -> None:
    for obstacles in ([DOWN], [DOWN, FULL]):
        assert "nothing was changed" not in refusal_text("no member is restarted now", obstacles, untouched=False)


def test_without_an_obstacle_nothing_is_refused_and_twice_the_same_is_one() -> None:
    refuse("main is not stopped now", [])
    with pytest.raises(UnsafeError, match=r"^main is not stopped now: pg3 is down\nHINT: "):
        refuse("main is not stopped now", [DOWN, DOWN])
