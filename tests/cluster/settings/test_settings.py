"""Settings: every mistake is named at once, in words without Python, with the file and the permitted range."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.findings import Finding
from cluster.settings.messages import FORMS
from cluster.settings.settings import COMPONENTS, DEFAULTS, PREFIXES, UNPREFIXED, Settings, validated


def problems(**data):
    return {one.what: one.problem for one in validated(data, {})[1]}


def problem(name, value):
    (found,) = validated({name: value}, {name: "group_data/all.py"})[1]
    assert found.what == name
    return found.problem


def test_a_number_that_a_fraction_may_be_has_a_limit_within_which_whole_ones_keep_their_value():
    """Beyond 2**53 a whole number that is declared would become another one."""
    for name, field in Settings.model_fields.items():
        if field.annotation is float:
            assert max(getattr(limit, "le", 0) for limit in field.metadata) in range(1, 2**53), name


def test_nothing_declared_is_valid():
    settings, findings = validated({}, {})
    assert findings == []
    assert settings == Settings()


def test_below_the_minimum_with_range_and_default():
    assert validated({"patroni_ttl": 15}, {"patroni_ttl": "--data"})[1] == [
        Finding(
            "--data",
            "patroni_ttl",
            "15 is below the minimum of 20",
            "patroni_ttl: seconds until the leader's lock expires: a dead primary is detected after at most this time. "
            "Permitted: 20 or more. Default: 30.",
        )
    ]


def test_above_the_maximum_with_both_ends_of_the_range():
    ((finding),) = validated({"haproxy_stats_port": 70000}, {})[1]
    assert finding.problem == "70000 is above the maximum of 65535"
    assert "Permitted: 1 to 65535. Default: 7000." in finding.hint


def test_the_ttl_rule_says_why_and_what_may_be_changed():
    origin = {"patroni_loop_wait": "group_data/postgres.py"}
    assert validated({"patroni_loop_wait": 20}, origin)[1] == [
        Finding(
            "group_data/postgres.py",
            "patroni_ttl",
            "patroni_ttl 30 is below patroni_loop_wait + 2 * patroni_retry_timeout = 40: "
            "a healthy leader that retries twice would lose its lock",
            "Change one of patroni_ttl, patroni_loop_wait, patroni_retry_timeout; "
            "their meaning stands in docs/settings.md.",
        )
    ]


@given(st.integers(1, 100), st.integers(3, 100), st.integers(20, 400))
def test_the_ttl_rule_is_patronis(loop_wait, retry_timeout, ttl):
    data = {"patroni_ttl": ttl, "patroni_loop_wait": loop_wait, "patroni_retry_timeout": retry_timeout}
    assert (validated(data, {})[0] is None) == (loop_wait + 2 * retry_timeout > ttl)


@given(st.integers(-10, 400))
def test_a_ttl_below_20_is_always_refused(ttl):
    data = {"patroni_ttl": ttl, "patroni_loop_wait": 1, "patroni_retry_timeout": 3}
    assert (validated(data, {})[0] is None) == (ttl < 20)


@pytest.mark.parametrize(
    ("data", "what", "said"),
    [
        (
            {"patroni_synchronous_mode_strict": True},
            "patroni_synchronous_mode_strict",
            "patroni_synchronous_mode_strict True has no effect with patroni_synchronous_mode 'off'",
        ),
        (
            {"patroni_synchronous_node_count": 2},
            "patroni_synchronous_node_count",
            "patroni_synchronous_node_count 2 has no effect with patroni_synchronous_mode 'off'",
        ),
        (
            {"patroni_synchronous_mode": "strict"},
            "patroni_synchronous_mode",
            "'strict' is not one of 'off', 'on', 'quorum'",
        ),
        ({"patroni_tags": {"nosyncc": True}}, "patroni_tags", "'nosyncc' is no tag; did you mean nosync"),
    ],
)
def test_synchronous_modes_and_tags(data, what, said):
    assert problems(**data) == {what: said}


def test_all_mistakes_at_once_rules_between_settings_included():
    wrong = {"patroni_ttl": 20, "etcd_heartbeat_ms": 900, "postgres_version": 14, "packages_source": "mirror"}
    assert list(problems(**wrong)) == ["packages_source", "etcd_election_ms", "postgres_version", "patroni_ttl"]


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("postgres_version", 14, "14 is not one of 15, 16, 17, 18"),
        ("patroni_watchdog", "on", "'on' is not one of 'off', 'automatic', 'required'"),
        ("cluster_name", "Main", "'Main' is not a letter a-z, then at most 30 of a-z, 0-9 and hyphen"),
        ("postgres_port", "5432", "'5432' is text, it must be a whole number"),
        ("postgres_port", True, "True is a truth value, it must be a whole number"),
        ("postgres_memory_mib", 1.5, "1.5 is a number with a fraction, it must be a whole number"),
        ("patroni_failsafe", "yes", "'yes' is text, it must be True or False"),
        ("cluster_name", 5, "5 is a number, it must be text"),
        ("postgres_hba", "host", "'host' is text, it must be a list"),
        ("postgres_parameters", [], "[] is a list, it must be a mapping of names to values"),
        (
            "postgres_parameters",
            {"work_mem": ["1MB"]},
            "['1MB'] is a list, it must be text, a whole number, a number or True or False (at work_mem)",
        ),
        ("cluster_published_ports", {"22": 1}, "'22' is text, it must be a whole number (at 22)"),
        ("preflight_clock_skew_seconds", 0, "0 is not above 0"),
        ("preflight_free_gib", 0.05, "0.05 is below the minimum of 0.1"),
        ("cluster_address", "10.0.0.300", "'10.0.0.300' does not appear to be an IPv4 or IPv6 address"),
        ("cluster_address", "127.0.0.1", "'127.0.0.1' is no address that another host can reach"),
        ("cluster_network", "10.0.0.1/24", "10.0.0.1/24 has host bits set"),
        ("postgres_admin_user", "postgres", "'postgres' is a role that the cluster itself uses"),
        (
            "postgres_hba",
            ["host all all all md5"],
            "line 'host all all all md5' allows connections without TLS (host): use hostssl",
        ),
        (
            "postgres_databases",
            [{"nam": "app"}],
            "{'nam': 'app'} must have 'name' and may have 'owner', nothing else",
        ),
        (
            "certificates_ca_key",
            "ca.key",
            "certificates_ca_certificate and certificates_ca_key are given together or not at all",
        ),
    ],
)
def test_words(name, value, words):
    (found,) = validated({name: value}, {})[1]
    assert found.problem == words
    assert found.where == DEFAULTS


def test_what_no_list_of_names_holds_is_still_a_sentence():
    assert problem("postgres_port", b"x") == "b'x' is of the type bytes, it must be a whole number"


NUMBERS = [name for name, field in Settings.model_fields.items() if field.annotation in (int, float, int | None)]


def test_there_are_numbers_of_both_kinds():
    assert len(NUMBERS) > 30 and {Settings.model_fields[name].annotation for name in NUMBERS} >= {int, float}


@pytest.mark.parametrize("name", [*NUMBERS, "postgres_version"])
@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 2**63, 10**400, float("inf"), float("-inf")])
def test_a_number_that_not_everybody_keeps_is_refused_for_every_setting(name, value):
    """It is beyond what a float holds exactly, or at all."""
    shown = "inf" if value == float("inf") else "-inf" if value == float("-inf") else value
    assert problem(name, value) == f"{shown} is beyond every number that a setting takes"


@pytest.mark.parametrize("name", [name for name in NUMBERS if Settings.model_fields[name].annotation is float])
def test_a_whole_number_is_a_number_too_and_stays_what_it_is(name):
    (most,) = (limit.le for limit in Settings.model_fields[name].metadata if hasattr(limit, "le"))
    settings, findings = validated({name: int(most)}, {})
    assert findings == [] and getattr(settings, name) == most


@given(st.sampled_from(sorted(Settings.model_fields)), st.from_type(int) | st.text() | st.none() | st.lists(st.text()))
def test_any_value_is_accepted_or_refused_with_its_own_name_and_a_hint(name, value):
    settings, findings = validated({name: value}, {name: "inventory.py"})
    assert (settings is None) == bool(findings)
    for one in findings:
        assert one.where == "inventory.py"
        assert one.hint.endswith(".")
        assert "input" not in one.problem.lower().replace(str(value).lower(), "")


def test_every_pattern_has_words():
    patterned = {
        name
        for name, field in Settings.model_fields.items()
        if any(getattr(item, "pattern", None) for item in field.metadata)
    }
    assert patterned == set(FORMS)


def test_every_setting_is_in_one_component_has_a_prefix_and_a_meaning():
    names = [name for component in COMPONENTS for name in component.model_fields]
    assert sorted(names) == sorted(Settings.model_fields)
    assert all(name.startswith(PREFIXES) for name in names if name not in UNPREFIXED)
    assert all(field.description for field in Settings.model_fields.values())


def test_addresses_of_both_families():
    for text in ("10.1.2.3", "fd82::11"):
        settings, _ = validated({"cluster_address": text}, {})
        assert settings is not None
        assert ipaddress.ip_address(settings.cluster_address or "") == ipaddress.ip_address(text)
