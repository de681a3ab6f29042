"""Scripts that are put together of parts are still scripts."""

import subprocess

import pytest

from facts.answer import Answer
from facts.member_data import MemberData
from facts.postgres.state import PostgresState
from facts.preflight.host import HostPicture

SECRETS = {"nonce": "n", "roles": ["postgres"], "port": 5432, "authorities": ["/nowhere"]}
PLACES = {"data": "/d", "programs": "/b", "port": 5432}


@pytest.mark.parametrize(
    ("fact", "arguments"),
    [
        (MemberData, PLACES),
        (PostgresState, {}),
        (HostPicture, {"data_directory": "/d", "etcd_directory": "/e", "client_ports": [5000], "secrets": SECRETS}),
        (HostPicture, {"backup_directory": "/r", "stanza_name": "main"}),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_the_shell_reads_what_a_fact_asks(fact: type[Answer[object]], arguments: dict[str, object]) -> None:
    said = subprocess.run(["sh", "-n"], input=fact().command(**arguments), capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
