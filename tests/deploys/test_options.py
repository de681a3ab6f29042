"""What a run is told with ``--data``: taken as meant, or refused by name."""

from types import SimpleNamespace

import pytest
from pyinfra.context import ctx_host

from cluster.errors import ConfigError
from cluster.verdicts.held_clients import Holding
from deploys.parts.held_clients import holding_of
from deploys.parts.options import meant_member, meant_node, option
from tests.world.hosts import fake_cluster


def told(**data):
    inventory = SimpleNamespace(get_override_data=lambda: data)
    return ctx_host.use(SimpleNamespace(inventory=inventory, data={"force": True, "name": "of the inventory"}))


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("force", True, True),
        ("force", False, False),
        ("drain_seconds", 0, 0),
        ("seconds", 3, 3.0),
        ("node", "pg2", "pg2"),
    ],
)
def test_takes_a_value_of_its_kind(name, value, taken):
    with told(**{name: value}):
        found = option(name)
    assert (type(found), found) == (type(taken), taken)


def test_an_option_that_is_not_given_has_its_default():
    """Whatever the inventory calls by that name."""
    with told():
        assert (option("seconds"), option("candidate"), option("force"), option("name")) == (10, "", False, "")


def test_refuses_any_other_by_name():
    with told(force="maybe"), pytest.raises(ConfigError) as refused:
        option("force")
    assert str(refused.value) == "force: 'maybe' is not true or false\nHINT: correct --data force, or omit it."


@pytest.mark.parametrize(("asked", "noun"), [(meant_node, "host"), (meant_member, "member")])
def test_a_run_for_one_host_wants_to_be_told_for_which(asked, noun):
    cluster = fake_cluster()
    with told(), pytest.raises(ConfigError) as refused:
        asked(cluster, "node", "that goes")
    assert str(refused.value) == f"no {noun} is named\nHINT: --data node=NAME names the one that goes."
    with told(node="h2"):
        assert asked(cluster, "node", "that goes") == "h2"
    with told(node="h9"), pytest.raises(ConfigError, match=f"--data node: h9 is no {noun} of main"):
        asked(cluster, "node", "that goes")


def test_a_host_that_a_run_does_without_holds_no_clients():
    cluster = fake_cluster()
    with told(without_pool="h3", transactions="wait"):
        assert holding_of(cluster, ["h2"]) == Holding(True, "wait", ("h3", "h2"))
    with told(hold_clients=False):
        assert holding_of(cluster) == Holding(False, "abort", ())
