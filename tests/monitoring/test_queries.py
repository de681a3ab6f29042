"""The program that asks a Prometheus every query: which it asks, and which may have no answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from monitoring.dashboards_source.curves import Series, of_answer, shown
from monitoring.queries import MAY_BE_EMPTY, Prometheus, questions, silent

ASKED = list(questions("main"))


def test_it_asks_what_is_in_rules_and_dashboards() -> None:
    files = {one.where.split()[0] for one in ASKED}
    assert {"recording.yml", "host.yml", "overview.json", "cluster.json"} <= files
    assert [one.text for one in ASKED if "$" in one.text] == []
    assert len(ASKED) > 250


def test_an_excuse_that_nothing_needs_hides_what_is_missing() -> None:
    texts = [one.text for one in ASKED]
    assert [name for name in MAY_BE_EMPTY if not any(re.search(rf"(?<!\w){name}(?!\w)", text) for text in texts)] == []


def test_a_query_of_what_every_cluster_has_gets_no_excuse() -> None:
    excused = {one.text for one in ASKED if one.excuse}
    assert "cluster:leaders:sum" not in excused
    assert 'member:lag:bytes{cluster=~"main",member=~".*"}' not in excused
    assert "member:down" in excused


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """An address at which every question gets this answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def test_a_prometheus_without_data_is_told_apart_from_one_that_refuses() -> None:
    with answering(200, '{"data": {"result": []}}') as address:
        wrong, excused = silent(Prometheus(address), "main")
        assert len(wrong) + len(excused) == len(ASKED) and wrong
    with answering(400, '{"error": "parse error"}') as address, pytest.raises(ValueError, match="parse error"):
        Prometheus(address).answer("up{")


def test_a_series_is_named_by_its_labels_and_ends_where_it_was_not_there() -> None:
    points = [[0, "1"], [10, "1"], [20, "0"], [30, "NaN"], [200, "1"], [210, "1"]]
    (one,) = of_answer([{"metric": {"member": "pg1"}, "values": points}], "{{member}} {{absent}}")
    assert one.name == "pg1 "
    assert list(one.stretches()) == [(0, 20, 1), (20, 20, 0), (200, 210, 1)]
    assert list(Series("x", {}, ()).stretches()) == []


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5, "percentunit", "50%"),
        (2048, "bytes", "2 KiB"),
        (3 * 1024**2, "Bps", "3 MiB/s"),
        (0.004, "s", "4 ms"),
        (7200, "s", "2 h"),
        (12, "ops", "12/s"),
        (3, "short", "3"),
        (250000, "short", "250 k"),
    ],
)
def test_numbers_are_shown_as_people_read_them(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text
