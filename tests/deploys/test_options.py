"""What a run is told with ``--data``: taken as meant, or refused by name."""

from types import SimpleNamespace

import pytest
from pyinfra.context import ctx_host

from cluster.errors import ConfigError
from deploys.components.options import option


def given(**data):
    return ctx_host.use(SimpleNamespace(data=data))


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [(bool, True, True), (bool, False, False), (int, 0, 0), (float, 3, 3.0), (float, 0.5, 0.5), (str, "pg2", "pg2")],
)
def test_takes_a_value_of_its_kind(kind, value, taken):
    with given(thing=value):
        found = option("thing", kind, None)
    assert (type(found), found) == (type(taken), taken)


def test_an_option_that_is_not_given_has_its_default():
    with given():
        assert option("seconds", float, 10) == 10
        assert option("candidate", str, None) is None


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        (bool, "maybe", "thing: 'maybe' is not true or false"),
        (bool, 1, "thing: 1 is not true or false"),
        (int, True, "thing: True is not a whole number"),
        (int, 0.5, "thing: 0.5 is not a whole number"),
        (float, "long", "thing: 'long' is not a number"),
        (str, 5, "thing: 5 is not a word"),
    ],
)
def test_refuses_any_other_by_name(kind, value, problem):
    with given(thing=value), pytest.raises(ConfigError) as refused:
        option("thing", kind, None)
    assert str(refused.value) == f"{problem}\nHINT: correct --data thing, or leave it away."
