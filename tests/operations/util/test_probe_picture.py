"""The picture of a measurement: drawn by the real library, self-contained, and no reason to fail a run."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from pathlib import Path

import pytest

from cluster.endpoints.probe_question import Probe
from cluster.endpoints.probe_timeline import PRIMARY, STANDBY, UNREACHED, Timeline
from cluster.secrets.secrets import Secret
from operations.util import probe_picture
from operations.util.journal import Noticed, acting, note_acts_of, noticing
from operations.util.on_control.probe_picture import shown_acts, title_of
from operations.util.probe_picture import kept_picture

QUESTION = Secret("the admin's password")
SEEN = Timeline(
    at=1_795_800_000.0,
    seconds=10.0,
    step=0.1,
    counts={
        "acknowledged": [4] * 40 + [0] * 20 + [4] * 40,
        "refused": [0] * 45 + [1] * 10 + [0] * 45,
        "unknown": [0] * 100,
        "reads": [5] * 100,
    },
    gaps={"writes": (4.0, 6.0), "reads": (1.0, 1.1)},
    members={
        "pg1": [(0.0, 4.0, PRIMARY), (4.0, 10.0, UNREACHED)],
        "p<g>2": [(0.0, 6.0, STANDBY), (6.0, 10.0, PRIMARY)],
    },
)


def probe(place: Path) -> Probe:
    return Probe(QUESTION, "main", str(place))


def test_a_picture_and_a_page_that_need_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pyinfra", "inventory.py", "deploys/switchover.py"])
    acts = [Noticed(SEEN.at + 3.9, SEEN.at + 4.5, "Switchover", "switchover")]
    said = kept_picture(SEEN, probe(tmp_path), acts)
    stem = "main-20261127T172000Z-switchover"
    assert said == f"picture: {tmp_path / stem}.svg, and as a page: {tmp_path / stem}.html"
    svg, page = ((tmp_path / f"{stem}.{kind}").read_text() for kind in ("svg", "html"))
    texts = [(node.text or "").strip() for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {"pg1", "p<g>2", "primary", "no answer", "2.0 s", "switchover"} <= {text for text in texts if text}
    assert any("writes interrupted 2.0 s, reads 0.1 s" in (text or "") for text in texts)
    assert "<svg" in page and "http-equiv" not in page and "src=" not in page and "<script" not in page
    assert "p&lt;g&gt;2" in page
    for path in tmp_path.iterdir():
        assert str(QUESTION) not in path.read_text()


def test_without_the_library_the_data_are_kept_and_it_says_how_to_draw_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "matplotlib.py"
    hidden.write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = kept_picture(SEEN, probe(tmp_path), [])
    assert "for a picture: pip install 'matplotlib>=3.8', then python -m " in said and "\n" not in said
    (data,) = tmp_path.glob("*.json")
    assert json.loads(data.read_text())["gaps"]["writes"] == [4.0, 6.0]
    monkeypatch.delenv("PYTHONPATH")
    words = [sys.executable, "-m", probe_picture.PROGRAM, "--png", str(data)]
    assert subprocess.run(words, cwd=probe_picture.ROOT).returncode == 0
    assert data.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_place_that_cannot_be_written_is_said_and_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "what it saw is not kept: " in kept_picture(SEEN, probe(tmp_path / "file"), [])


def test_a_cluster_whose_patroni_is_not_reached_has_a_picture_without_roles(tmp_path: Path) -> None:
    alone = Timeline(**{**asdict(SEEN), "members": {}, "gaps": {"writes": (4.0, 6.0)}})
    assert kept_picture(alone, probe(tmp_path), []).startswith("picture: ")


def test_what_is_done_again_and_again_is_one_row() -> None:
    acts = [(float(n), n + 0.1, "pg1", "waits") for n in range(5)] + [(20.0, 21.0, "pg1", "late")]
    assert shown_acts(Timeline(**{**asdict(SEEN), "acts": acts})) == [
        ("pg1: waits", [(float(n), n + 0.1) for n in range(5)])
    ]
    assert title_of(SEEN).endswith("\nwrites interrupted 2.0 s, reads 0.1 s")


def test_the_acts_of_a_run_are_noticed_while_somebody_wants_to_know() -> None:
    acts: list[Noticed] = []
    note_acts_of("1a2b")
    try:
        with noticing(acts), acting("Switchover", what="moves the leader"):
            pass
        with acting("late"):
            pass
    finally:
        note_acts_of(None)
    assert [(one.operation, one.what) for one in acts] == [("Switchover", "moves the leader")]
    assert acts[0].began <= acts[0].ended
