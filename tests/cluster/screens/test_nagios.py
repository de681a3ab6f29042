"""A check as Nagios takes it: the line, its figures, and the exit code."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from cluster.checks.report import all_findings
from cluster.screens.nagios import CRITICAL, OK, TEXT_CHARACTERS, UNKNOWN, WARNING, nagios_code, nagios_line
from tests.cluster.overview_world import World, healthy

# label=value[unit];warning;critical;least;most, https://www.monitoring-plugins.org/doc/guidelines.html#AEN197
FIGURE = re.compile(r"'[\w-]+'=\d+(MB)?(;\d*){0,4}")


def said(*worlds: World) -> tuple[int, str]:
    checked = [(one, all_findings(one)) for one in (world.overview() for world in worlds)]
    return nagios_code(checked), nagios_line(checked)


def dead() -> World:
    world = healthy()
    world.dead |= set(world.answers)
    return world


def paused() -> World:
    world = healthy()
    world.everywhere("patroni", lambda seen: seen.update(paused=True))
    return world


def one_lost() -> World:
    world = healthy()
    world.kill("h3")
    return world


def test_a_healthy_cluster() -> None:
    assert said(healthy()) == (
        OK,
        "PATRONI OK - main: nothing to complain about | 'main_alarms'=0;;0 'main_warnings'=0;0 'main_remarks'=0"
        " 'main_hosts'=3;;;0;3 'main_members'=3;;;0;3 'main_lag'=0MB",
    )


@pytest.mark.parametrize(
    ("world", "code", "begins"),
    [
        (one_lost, CRITICAL, "PATRONI CRITICAL - main: 1 alarm, 1 warning: h3 host: "),
        (paused, WARNING, "PATRONI WARNING - main: 1 warning: main Patroni: the cluster is paused"),
        (dead, UNKNOWN, "PATRONI UNKNOWN - main: none of its 3 hosts answers | "),
    ],
)
def test_the_gravest_finding_makes_the_code(world: Callable[[], World], code: int, begins: str) -> None:
    assert (said(world())[0], said(world())[1][: len(begins)]) == (code, begins)


def test_what_nobody_could_read_is_no_figure() -> None:
    _, line = said(dead())
    assert "_members" not in line and "_lag" not in line
    assert "'main_hosts'=0;;;0;3" in line


def test_several_clusters_are_one_line_with_the_gravest_code() -> None:
    assert said(healthy(), paused())[0] == WARNING
    assert said(paused(), dead())[0] == UNKNOWN
    assert said(dead(), one_lost(), healthy())[0] == CRITICAL
    _, line = said(dead(), one_lost(), healthy())
    assert "\n" not in line and line.count("|") == 1
    assert line.count("main: ") == 3


def test_no_cluster_at_all_is_unknown() -> None:
    assert said() == (UNKNOWN, "PATRONI UNKNOWN - no cluster is declared")


def test_figures_are_in_the_form_that_the_guidelines_give() -> None:
    for world in (healthy(), one_lost(), paused(), dead()):
        figures = said(world)[1].partition(" | ")[2].split(" ")
        assert [one for one in figures if not FIGURE.fullmatch(one)] == []


def test_a_finding_cannot_break_the_line() -> None:
    overview = one_lost().overview()
    (first, *rest) = all_findings(overview)
    strange = replace(first, finding=replace(first.finding, problem="a | 'x'=1\n\x1b[31m" + "b " * TEXT_CHARACTERS))
    line = nagios_line([(overview, [strange, *rest])])
    assert line.count("|") == 1 and "\n" not in line and "\x1b" not in line
    assert len(line) < TEXT_CHARACTERS + 300
