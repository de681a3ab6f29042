"""The files for a Prometheus of one's own: what is written, what is kept, and what is refused."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.pki.authority import Authority
from operations.live.monitoring import refuse_silent_grafana, write_export
from tests.inventories import one_host_cluster


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A cluster's secrets, with the CA that its first run with exporters makes."""
    directory = tmp_path / "secrets"
    Authority.load_or_create(directory, "main")
    Authority.load_or_create(directory, "main monitoring", "monitoring-ca")
    return directory


def write(cluster: Cluster, secrets: Path, to: Path) -> None:
    assert write_export([cluster], str(to), lambda _: {"secrets": secrets, "ca": secrets / "ca.crt"}) == 0


def test_all_that_a_scraper_needs_is_there(secrets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = tmp_path / "export"
    write(one_host_cluster(monitoring=True), secrets, top)
    own = top / "main"
    configs = yaml.safe_load((own / "scrape_configs.yml").read_text())["scrape_configs"]
    for config in configs:
        paths = [*config["file_sd_configs"][0]["files"], *config["tls_config"].values()]
        assert all((own / path).exists() for path in paths), config["job_name"]
    assert json.loads((own / "targets/node.json").read_text())[0]["labels"] == {"cluster": "main", "member": "pg1"}
    certificate = x509.load_pem_x509_certificate((own / "pki/scraper.crt").read_bytes())
    key = load_pem_private_key((own / "pki/scraper.key").read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    assert (own / "pki/scraper.key").stat().st_mode & 0o777 == 0o600
    assert top.stat().st_mode & 0o777 == 0o700
    assert f"- {own}/scrape_configs.yml" in capsys.readouterr().out


def test_a_good_certificate_is_kept_and_another_ca_s_is_not(secrets: Path, tmp_path: Path) -> None:
    top, cluster = tmp_path / "export", one_host_cluster(monitoring=True)
    write(cluster, secrets, top)
    first = (top / "main/pki/scraper.crt").read_text()
    (top / "main/notes.txt").write_text("of somebody else")
    write(cluster, secrets, top)
    assert (top / "main/pki/scraper.crt").read_text() == first
    assert (top / "main/notes.txt").exists()
    for path in secrets.glob("monitoring-ca.*"):
        path.unlink()
    Authority.load_or_create(secrets, "main monitoring", "monitoring-ca")
    write(cluster, secrets, top)
    assert (top / "main/pki/scraper.crt").read_text() != first


def test_clusters_without_exporters(secrets: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        write(one_host_cluster(), secrets, tmp_path / "export")
    assert str(refusal.value) == (
        "export: no cluster of this run has monitoring = True\nHINT: set it, and run deploys/cluster.py first."
    )
    (secrets / "monitoring-ca.crt").unlink()
    with pytest.raises(ConfigError) as refusal:
        write(one_host_cluster(monitoring=True), secrets, tmp_path / "export")
    assert str(refusal.value).startswith("main has no exporters yet: there is no monitoring-ca.crt in ")
    assert not (tmp_path / "export").exists()


@pytest.fixture
def grafana() -> Iterator[str]:
    """One that wants a login, as it does."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_grafana_that_is_named_and_does_not_answer(secrets: Path, tmp_path: Path, grafana: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError) as refusal:
            refuse_silent_grafana(one_host_cluster(monitoring=True, monitoring_grafana_url=url))
    assert str(refusal.value) == (
        f"monitoring_grafana_url: {url} does not answer this machine ([Errno 111] Connection refused)\n"
        "HINT: start it, correct the URL, or leave monitoring_grafana_url out: nothing else needs it."
    )
    write(one_host_cluster(monitoring=True, monitoring_grafana_url=grafana), secrets, tmp_path / "export")
    source = tmp_path / "export/main/grafana/datasources/pyinfra-patroni.yml"
    assert yaml.safe_load(source.read_text())["datasources"][0]["type"] == "prometheus"
