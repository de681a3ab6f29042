"""Hostile and careless texts: each is refused in the declaration, by a sentence, whichever setting it stands in."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.findings import Finding, findings_table
from cluster.inventory.clusters import declared_clusters
from cluster.settings.calendar_times import calendar_problem
from cluster.settings.hba_grammar import hba_rule
from cluster.settings.settings import Settings
from cluster.settings.text_rules import host_name_problem, mirror_problem
from tests.cluster.preflight_hosts import host
from tests.hostile import hba, texts

MIRROR = {"packages_source": "mirror", "packages_mirror_uri": "http://a", "packages_mirror_suite": "s"}


def findings(**data: Any) -> list[Finding]:
    """What the declaration of one host says, with all rules between settings."""
    return declared_clusters([host("pg1", cluster_address="10.0.0.1") if not data else _host(data)], {})[1]


def _host(data: dict[str, Any]) -> Any:
    return host("pg1", **{"cluster_address": "10.0.0.1", **data})


def refusal(name: str, value: Any) -> str:
    """The table of the findings about one setting; every row can be printed."""
    found = [one for one in findings(**{name: value}) if one.what == name]
    table = findings_table(found) if found else ""
    assert all(character.isprintable() or character == "\n" for character in table), repr(table)
    table.encode()
    return " ".join(table.split())


def leaves(annotation: Any, text: str) -> Iterator[Any]:
    """Values of a setting's type with a text in each place where one can stand."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is str:
        yield text
    elif origin is list:
        yield from ([value] for value in leaves(parts[0], text))
    elif origin is dict:
        yield from ({key: "1" if parts[1] is str else 1} for key in leaves(parts[0], text))
        yield from ({"name" if parts[0] is str else 1: value} for value in leaves(parts[1], text))
    elif origin is not typing.Literal:
        for part in parts:
            yield from leaves(part, text)


TEXTS = {name: field.annotation for name, field in Settings.model_fields.items() if list(leaves(field.annotation, "x"))}


def test_there_are_settings_to_try() -> None:
    assert {"cluster_name", "postgres_hba", "postgres_databases", "packages_versions", "patroni_tags"} <= set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_what_nobody_sees_is_refused_in_every_text(name: str) -> None:
    for text in texts.NOWHERE:
        if (name, text) == ("postgres_hba", "a\tb"):
            continue
        for value in leaves(TEXTS[name], text):
            assert refusal(name, value), (name, value)


@pytest.mark.parametrize("name", sorted(set(TEXTS) - set(texts.EXEMPT)))
def test_what_has_no_place_in_a_name_is_refused(name: str) -> None:
    for text in texts.SELDOM:
        for value in leaves(TEXTS[name], text):
            assert refusal(name, value), (name, value)


def test_every_exemption_is_of_a_setting_and_has_a_reason() -> None:
    assert set(texts.EXEMPT) <= set(TEXTS)
    assert all(texts.EXEMPT.values())


@pytest.mark.parametrize(("name", "value", "word"), texts.VALUES)
def test_a_hostile_value_is_refused_with_its_reason(name: str, value: Any, word: str) -> None:
    assert word in refusal(name, value)


@pytest.mark.parametrize(("name", "value"), texts.PERMITTED)
def test_what_people_have_stays_permitted(name: str, value: Any) -> None:
    assert refusal(name, value) == ""


@pytest.mark.parametrize(("name", "word"), texts.HOSTS)
def test_a_host_with_a_name_that_nobody_can_use(name: str, word: str) -> None:
    hosts = [host("pg2", cluster_address="10.0.0.2"), host(name, cluster_address="10.0.0.1")]
    found = declared_clusters(hosts, {})[1]
    assert word in " ".join(one.problem for one in found if one.what == "hosts")
    assert all(character.isprintable() or character == "\n" for character in findings_table(found))


@pytest.mark.parametrize("name", ["pg1", "pg1.example.net", "PG1", "db_1", "10.0.0.1", "1a", "p" * 63, "a-b.c-d"])
def test_a_host_with_a_usual_name(name: str) -> None:
    assert host_name_problem(name) is None


@given(st.text(max_size=70))
def test_an_accepted_host_name_can_be_named_by_an_option_and_stand_in_a_certificate(name: str) -> None:
    if host_name_problem(name) is None:
        assert name.isascii() and 1 <= len(name) <= 64 and not set(name) & set(" ,/'\"=")


@given(st.text())
def test_a_mirror_or_a_time_of_any_text_is_judged_without_an_exception(text: str) -> None:
    assert mirror_problem(text) is None or mirror_problem(text)
    assert calendar_problem(text) is None or calendar_problem(text)


# --- pg_hba ---


@pytest.mark.parametrize("line", hba.ACCEPTED)
def test_a_line_at_the_edge_of_what_is_accepted(line: str) -> None:
    assert refusal("postgres_hba", [line]) == ""


def test_the_accepted_lines_go_together() -> None:
    assert refusal("postgres_hba", list(hba.ACCEPTED)) == ""


@pytest.mark.parametrize(("line", "word"), hba.REFUSED, ids=range(len(hba.REFUSED)))
def test_a_line_that_is_refused(line: str, word: str) -> None:
    assert word in refusal("postgres_hba", [line])


def test_a_later_line_that_another_one_decides_is_named() -> None:
    lines = ["hostssl all all 10.0.0.0/8 scram-sha-256", "hostssl app all 10.1.0.0/16 reject"]
    said = refusal("postgres_hba", lines)
    assert "line 'hostssl app all 10.1.0.0/16 reject' has no effect for the database app and the role all" in said
    assert "the line 'hostssl all all 10.0.0.0/8 scram-sha-256' before it decides" in said
    assert refusal("postgres_hba", lines[::-1]) == ""
    assert refusal("postgres_hba", [lines[0], lines[0]]) == ""


def test_a_regular_expression_is_a_name_to_postgresql_15() -> None:
    line = "hostssl /^app$ all 10.0.0.0/8 scram-sha-256"
    assert findings(postgres_hba=[line]) == []
    (found,) = findings(postgres_hba=[line], postgres_version=15)
    assert "16 is the first" in found.problem


def test_a_password_in_a_line_is_not_shown() -> None:
    said = refusal("postgres_hba", ['hostssl all all all ldap ldapserver=x ldapbindpasswd="top secret" foo'])
    assert "secret" not in said
    assert "ldapbindpasswd=..." in said


def test_nor_where_two_hosts_disagree() -> None:
    lines = [
        f"hostssl all all all ldap ldapserver=x ldapbasedn=a ldapbindpasswd={word}" for word in ("first", "second")
    ]
    hosts = [host(f"pg{n}", cluster_address=f"10.0.0.{n}", postgres_hba=[line]) for n, line in enumerate(lines, 1)]
    said = " ".join(one.problem for one in declared_clusters(hosts, {})[1] if one.what == "postgres_hba")
    assert "pg1 says [" in said and "ldapbindpasswd=..." in said
    assert "first" not in said and "second" not in said


@given(st.text(alphabet=st.characters(), max_size=60) | st.sampled_from([line for line, _ in hba.REFUSED]))
def test_any_text_is_a_rule_or_a_reason(text: str) -> None:
    for line in (text, f"hostssl all all all scram-sha-256 {text}", f"hostssl {text} all all scram-sha-256"):
        try:
            rule = hba_rule(line, 17)
        except ValueError as error:
            assert str(error)
        else:
            assert rule.method in ("scram-sha-256", "cert", "ldap", "gss", "reject", "peer")
            assert rule.kind in ("local", "hostssl") or rule.method == "reject"
            assert "\n" not in line and "\r" not in line
