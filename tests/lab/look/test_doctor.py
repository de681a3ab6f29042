"""The archive of a diagnosis of a real cluster: everything is in it, and no secret."""

from __future__ import annotations

import base64
import re
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary.runs import MEMBERS, Built, run, secrets, secrets_directory

SECONDS = 45
OF_A_MEMBER = (
    *("kernel", "memory", "pressure", "disks", "network", "time", "packages", "processes", "units", "configurations"),
    *("patroni", "postgres", "controldata", "data-directory", "etcd", "pgbackrest"),
)


@pytest.fixture(scope="module")
def files(built: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The archive's files by name."""
    place = tmp_path_factory.mktemp("doctor") / "new"
    done = run(built.inventory, "deploys/doctor.py", "--data", f"to={place}", "--data", "since=1h", as_json=False)
    print(f"\nit took {done.seconds:.1f} s")
    assert done.seconds < SECONDS
    (archive,) = place.iterdir()
    assert (archive.stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o600, 0o700)
    print(f"{archive.stat().st_size // 1024} KiB")
    with tarfile.open(archive) as tar:
        found = {one.name.partition("/")[2]: tar.extractfile(one) for one in tar.getmembers()}
        return {name: file.read().decode() for name, file in found.items() if file is not None}


def test_everything_is_in_it(built: Built, files: dict[str, str]) -> None:
    for name in MEMBERS:
        host = built.lab.host(name).container
        assert [file for file in OF_A_MEMBER if len(files.get(f"hosts/{host}/{file}.txt", "")) < 20] == []
        assert "Database system identifier" in files[f"hosts/{host}/controldata.txt"]
        assert "=== /etc/patroni/config.yml" in files[f"hosts/{host}/configurations.txt"]
        assert f"| {host}" in files[f"hosts/{host}/patroni.txt"]
    assert {"ranking.txt", "check.json", "status.txt", "answers.json", "inventory.json", "about.txt"} <= set(files)
    assert "ready to accept connections" in files["logs-filtered.txt"]
    assert "deploys/cluster.py" in files["runs.txt"]


def test_no_secret_is_in_it(built: Built, files: dict[str, str]) -> None:
    own = {name: str(value) for name, value in secrets(built.lab).items()}
    assert len(own) > 5
    for secret in own.values():
        forms = {secret, quote(secret), base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]}
        assert [name for name, text in files.items() if any(form in text for form in forms)] == []


def test_no_key_and_no_hash_of_a_password_is_in_it(built: Built, files: dict[str, str]) -> None:
    everything = "\n".join(files.values())
    assert not re.search(r"PRIVATE KEY|SCRAM-SHA-256\$|md5[0-9a-f]{32}", everything)
    place = secrets_directory(built.lab)
    keys = [path.read_text() for path in place.rglob("*.key")]
    keys += [
        run_in(built.lab.host(name).container, "cat /etc/patroni/pki/*.key /etc/etcd/pki/*.key") for name in MEMBERS
    ]
    lines = {line for text in keys for line in text.splitlines() if len(line) > 40 and "-----" not in line}
    assert lines and [line for line in lines if line in everything] == []


def test_what_hosts_really_have_as_passwords_is_not_in_it(built: Built, files: dict[str, str]) -> None:
    """Whatever a file on a host calls a password, also one that this machine does not know."""
    everything = "\n".join(files.values())
    command = "cat /etc/patroni/config.yml /etc/haproxy/haproxy.cfg /var/lib/postgresql/.pgpass* 2>/dev/null || true"
    text = "\n".join(run_in(built.lab.host(name).container, command) for name in MEMBERS)
    found = set(re.findall(r"password:? '?([A-Za-z0-9]{16,})", text)) | set(
        re.findall(r":([A-Za-z0-9]{16,})$", text, re.M)
    )
    assert found and [one for one in found if one in everything] == []


def test_a_place_is_not_written_over(built: Built, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(built.inventory, "deploys/doctor.py", "--data", f"to={tmp_path / 'file'}", check=False)
    assert (done.code, "HINT: --data to=DIRECTORY" in done.log, "Traceback" in done.log) == (1, True, False)
