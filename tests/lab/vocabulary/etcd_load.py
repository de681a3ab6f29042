"""
Writes to etcd that are remembered, to find out what a change of its members cost.

A script on a host puts one key after the other with that host's certificate, through all endpoints in turn, and prints
what was acknowledged; so it goes on while single members join, leave or die.
"""

import json
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from tests.lab.errors import LabError
from tests.lab.spec import Host
from tests.lab.vocabulary.runs import etcdctl

END_SECONDS = 15
SCRIPT = """
import base64, json, ssl, sys, time, urllib.request
prefix, endpoints = sys.argv[1], sys.argv[2:]
tls = ssl.create_default_context(cafile="/etc/etcd/pki/ca.crt")
tls.load_cert_chain("/etc/etcd/pki/etcd.crt", "/etc/etcd/pki/etcd.key")
coded = lambda text: base64.b64encode(text.encode()).decode()
number = 0
while True:
    endpoint = endpoints[number % len(endpoints)]
    body = json.dumps({"key": coded(f"{prefix}{number}"), "value": coded(str(number))}).encode()
    try:
        urllib.request.urlopen(f"{endpoint}/v3/kv/put", body, timeout=2, context=tls).read()
        print("ack", number, time.monotonic(), flush=True)
    except OSError as error:
        print("no", number, endpoint, error, flush=True)
    number += 1
    time.sleep(0.02)
"""


@dataclass
class EtcdLoad:
    """
    A writer that runs from ``with`` on until its end.

    + host: where it runs, one with etcd
    + endpoints: URLs of all of etcd's hosts, also of those that have yet to join
    """

    host: Host
    endpoints: list[str]
    prefix: str = field(default_factory=lambda: f"/load/{uuid.uuid4()}/")
    lines: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        words = ["docker", "exec", self.host.container, "python3", "-c", SCRIPT, self.prefix, *self.endpoints]
        # A file: a pipe that nobody reads meanwhile is full after a minute, and the writer would stand still.
        self._said = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(words, stdout=self._said, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *failure: object) -> None:
        # The end of its client is none of the script's in the container.
        subprocess.run(["docker", "exec", self.host.container, "pkill", "-f", self.prefix], check=False)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise LabError(f"the writes to etcd on {self.host.container} do not end") from None
        self._said.seek(0)
        self.lines = self._said.read().splitlines()

    @property
    def acknowledged(self) -> dict[int, float]:
        """The numbers that etcd has promised to keep, and when it did."""
        words = [line.split() for line in self.lines if line.startswith("ack ")]
        return {int(number): float(at) for _, number, at in words}

    @property
    def longest_gap_seconds(self) -> float:
        """How long nothing was acknowledged."""
        times = list(self.acknowledged.values())
        return max((later - earlier for earlier, later in pairwise(times)), default=float("inf"))

    def lost(self) -> set[int]:
        """What was acknowledged and is not there any more."""
        kept = etcdctl(self.host, f"get --prefix --keys-only {self.prefix}").split()
        return set(self.acknowledged) - {int(key.removeprefix(self.prefix)) for key in kept}

    def report(self, what: str) -> None:
        """Print what it cost."""
        refused = [line for line in self.lines if not line.startswith("ack ")]
        print(
            f"{what}, etcd: {len(self.acknowledged)} writes, {len(refused)} without an answer, "
            f"longest gap {self.longest_gap_seconds:.2f} s; {json.dumps(refused[:3])}"
        )
