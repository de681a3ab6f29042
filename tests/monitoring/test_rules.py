"""The rules of Prometheus: that they can be loaded, that each alert fires when it should, and that it says enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.finding_types.catalogue import FINDING_TYPES
from cluster.manual.alerts import SUBJECTS, alerts, when
from tests.monitoring.promtool import ROOT, promtool

RULES = ROOT / "monitoring" / "rules"
FILES = sorted(RULES.glob("*.yml"))
TESTS = sorted((RULES / "tests").glob("*.yml"))
ALERTS: list[dict[str, Any]] = [rule for subject in SUBJECTS for rule in alerts(ROOT, subject)]
NAMES = [rule["alert"] for rule in ALERTS]
# These are about Prometheus, and belong to no cluster.
OF_NO_CLUSTER = {"Watchdog", "JobAbsent", "MonitoringFails"}


def every_rule() -> Iterator[dict[str, Any]]:
    for path in FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def test_prometheus_loads_every_file() -> None:
    done = promtool("check", "rules", *FILES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_alone(path: Path) -> None:
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_with_alerts_is_on_the_page() -> None:
    assert [path.stem for path in FILES if "alert:" in path.read_text() and path.stem not in SUBJECTS] == ["recording"]


def test_every_alert_has_a_name_of_its_own() -> None:
    assert sorted(NAMES) == sorted(set(NAMES))


TITLES = [test["name"] for path in TESTS for test in yaml.safe_load(path.read_text())["tests"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_shown_to_fire_and_not_to_fire(name: str) -> None:
    assert any(re.match(rf"{name} fires\b|Watchdog fires .* {name}\b", title) for title in TITLES)
    # It always fires: that is its purpose.
    assert name == "Watchdog" or any(title.startswith(f"{name} does not fire ") for title in TITLES)


def test_a_test_proves_what_its_title_says() -> None:
    """Where an alert "fires" it is among the expected ones, and where it "does not" it is nowhere."""
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            name, _, rest = test["name"].partition(" ")
            expected = str([check["exp_samples"] for check in test["promql_expr_test"]])
            assert (f'alertname="{name}"' in expected) is rest.startswith("fires"), test["name"]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_who_what_and_where_to_read_on(rule: dict[str, Any]) -> None:
    notes, severity = rule["annotations"], rule["labels"]["severity"]
    assert severity in ("page", "ticket") or (rule["alert"], severity) == ("Watchdog", "none")
    assert "{{ $value" in notes["summary"] or "{{ $value" in notes["description"] or rule["alert"] == "ClusterSilent"
    assert rule["alert"] in OF_NO_CLUSTER or notes["summary"].startswith("{{ $labels.cluster }}: ")
    assert len(notes["description"]) > 60
    page, _, anchor = notes["runbook_url"].partition("#")
    assert anchor in anchors(ROOT / page)
    assert f"`{rule['alert']}`" in section(ROOT / page, anchor)


def anchors(page: Path) -> dict[str, int]:
    """The headings of a page as they are linked to, each with where it begins."""
    headings = re.finditer(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one[1]).strip().lower().replace(" ", "-"): one.start() for one in headings}


def section(page: Path, anchor: str) -> str:
    """What a page says below a heading, up to the next one."""
    text = page.read_text()
    start = anchors(page)[anchor]
    later = [place for place in anchors(page).values() if place > start]
    return text[start : min(later, default=len(text))]


def test_a_member_is_named_where_the_alert_has_one() -> None:
    """An expression that sums over a cluster has no member, and the others have."""
    for rule in ALERTS:
        first = re.search(r"\b(?:max|min|count) by \(([^)]*)\)|\b(\w+):\w", rule["expr"].replace("limit:", ""))
        of_member = first is not None and "member" in (first[1] or first[2].removeprefix("cluster"))
        assert rule["alert"] in OF_NO_CLUSTER or of_member is ("$labels.member" in rule["annotations"]["summary"]), (
            rule["alert"]
        )


# What exporters serve: names without a colon.
RAW = re.compile(r"(?<![\w:])(?:(?:pg|patroni|etcd|haproxy|node|pgbouncer|pgbackrest|pyinfra_patroni)_\w+|up\b)(?!:)")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_compares_recorded_names_only(rule: dict[str, Any]) -> None:
    """So that it does not matter which release a host has."""
    words = re.sub(r'"[^"]*"', '""', rule["expr"])
    assert RAW.findall(words) == []
    recorded = {one["record"] for one in every_rule() if "record" in one}
    assert set(re.findall(r"\b[a-z_0-9]+(?::[a-z_0-9]+)+", words)) <= recorded


def test_every_recorded_name_is_used() -> None:
    used = "\n".join(str(one["expr"]) for one in every_rule())
    used += "".join(path.read_text() for path in (ROOT / "monitoring" / "dashboards").glob("*.json"))
    names = {one["record"] for one in every_rule() if "record" in one}
    assert sorted(name for name in names if not re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])", used)) == []


def test_the_general_alerts_leave_out_what_other_alerts_say() -> None:
    said = {kind for rule in ALERTS for kind in rule["annotations"].get("finding", "").split()}
    left_out = next(rule["expr"] for rule in every_rule() if rule.get("record") == "member:unnamed_finding:max")
    assert set(re.findall(r'kind!~"([^"]*)"', left_out)[0].split("|")) == said
    assert said <= set(FINDING_TYPES)


def test_kinds_that_rules_name_are_kinds_that_a_check_knows() -> None:
    texts = (text for one in every_rule() for text in re.findall(r'kind=~?"([^"]*)"', str(one["expr"])))
    named = {kind for text in texts for kind in text.split("|")}
    assert named <= set(FINDING_TYPES)


def test_alerts_that_silence_others_and_those_that_they_silence_exist() -> None:
    text = (ROOT / "monitoring" / "alertmanager_inhibit.yml").read_text()
    rules = yaml.safe_load(text)["inhibit_rules"]
    named = {
        name
        for rule in rules
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        for name in re.findall(r"[A-Z]\w+", matcher)
    }
    assert named <= set(NAMES)
    assert all("cluster" in rule["equal"] for rule in rules)


def test_a_summary_on_the_page_has_no_values() -> None:
    text = "{{ $labels.cluster }}: {{ $labels.member }} lags by {{ $value | humanize1024 }}B (lag is {{ $value }})"
    assert when(text) == "MEMBER lags by NB"
