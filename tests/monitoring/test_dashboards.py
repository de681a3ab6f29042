"""The dashboards: that their files are what the code makes, and that they ask only for what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from monitoring.dashboards_source.grafana import expressions
from monitoring.dashboards_source.panel import Panel
from monitoring.dashboards_source.write import BOARDS, DIRECTORY, written
from tests.monitoring.promtool import ROOT, promtool

PANELS = [(board.name, panel) for board in BOARDS for row in board.rows for panel in row.panels]
RECORDED = {
    rule["record"]
    for path in (ROOT / "monitoring" / "rules").glob("*.yml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "record" in rule
}


@pytest.mark.parametrize("path, text", written().items(), ids=lambda value: getattr(value, "stem", ""))
def test_the_files_are_what_the_code_makes(path: Path, text: str) -> None:
    assert path.read_text() == text, "run `make dashboards`"


def test_there_is_no_other_file() -> None:
    assert sorted(DIRECTORY.iterdir()) == sorted(written())


@pytest.mark.parametrize("board, panel", PANELS, ids=lambda value: getattr(value, "title", value))
def test_a_panel_asks_for_recorded_names_only(board: str, panel: Panel) -> None:
    """They are the same on both releases."""
    for query in panel.queries:
        named = set(re.findall(r"\b[a-z_0-9]+(?::[a-z_0-9]+)+", query.text))
        assert named and named <= RECORDED, query.text
        assert re.search(r"(?<![\w:])(pg|patroni|etcd|haproxy|node|pgbouncer)_\w+\{", query.text) is None


@pytest.mark.parametrize("path", written(), ids=lambda path: path.stem)
def test_panels_lie_beside_each_other(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not mine & taken, panel["title"]
        taken |= mine


@pytest.mark.parametrize("path", written(), ids=lambda path: path.stem)
def test_a_dashboard_follows_its_variables(path: Path) -> None:
    board = json.loads(path.read_text())
    names = [one["name"] for one in board["templating"]["list"]]
    assert names == (["source"] if path.stem == "overview" else ["source", "cluster", "member"])
    if path.stem != "overview":
        assert [text for text in expressions(path.read_text()) if "$cluster" not in text] == []


def test_every_query_can_be_read_by_prometheus(tmp_path: Path) -> None:
    """As rules, which promtool parses."""
    asked = [
        text.replace("$cluster", "main").replace("$member", ".*")
        for path in written()
        for text in expressions(path.read_text())
    ]
    rules = [{"record": f"panel:{index}", "expr": text} for index, text in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
