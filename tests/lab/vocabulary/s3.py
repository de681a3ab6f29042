"""An S3-compatible store for a lab: over TLS with a CA of its own, and with keys that it verifies."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
import requests

from cluster.pki.verdicts import Authority, LeafRequest
from tests.lab.errors import LabError
from tests.lab.paths import ROOT
from tests.lab.spec import Lab

BUCKET, REGION, USER = "backups", "eu-central-1", "pgbackrest"
PERMITTED = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}
    ],
}


@dataclass(frozen=True)
class Store:
    """
    A store that listens.

    + endpoint: address and port; + authority: file of its CA on this machine
    + key, secret: of the one user who may read and write its bucket
    + administrator: a client that manages users
    """

    endpoint: str
    authority: Path
    key: str
    secret: str
    administrator: Any

    def settings(self, credentials: Path, ca_file: str) -> dict[str, Any]:
        """How a cluster declares it. + credentials: file of the keys; + ca_file: of the CA, on the repository host"""
        return {
            "pgbackrest_s3_bucket": BUCKET,
            "pgbackrest_s3_endpoint": self.endpoint,
            "pgbackrest_s3_region": REGION,
            "pgbackrest_s3_uri_style": "path",
            "pgbackrest_s3_ca_file": ca_file,
            "pgbackrest_s3_credentials": str(credentials),
        }

    def permit(self) -> None:
        """Let the user read and write."""
        self.administrator.put_user_policy(UserName=USER, PolicyName="all", PolicyDocument=json.dumps(PERMITTED))

    def forbid(self) -> None:
        """Refuse the user everything, as a store does whose keys were taken back."""
        self.administrator.delete_user_policy(UserName=USER, PolicyName="all")


@contextmanager
def store(lab: Lab, directory: Path) -> Iterator[Store]:
    """
    A store on this machine, at the address under which the hosts of a lab reach it.

    + directory: private; its CA and its certificate are written there
    """
    address = str(next(lab.subnet4.hosts()))
    authority = _certified(directory, address)
    words = [
        sys.executable,
        "-m",
        "tests.lab.vocabulary.s3_server",
        address,
        str(directory / "s3.crt"),
        str(directory / "s3.key"),
    ]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        port = (process.stdout.readline() if process.stdout else "").strip()
        if not port:
            raise LabError(f"no S3 server at {address}", "It needs the address of the lab's bridge on this machine.")
        yield _with_a_user(f"{address}:{port}", authority)
    finally:
        process.kill()
        process.wait()


def _certified(directory: Path, address: str) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    leaf = Authority.load_or_create(directory, "s3").issue(
        LeafRequest("s3", (address,), (ip_address(address),), server=True, client=False, days=7)
    )
    (directory / "s3.crt").write_text(leaf.certificate_pem)
    (directory / "s3.key").write_text(leaf.key_pem)
    return directory / "ca.crt"


def _with_a_user(endpoint: str, authority: Path) -> Store:
    url = f"https://{endpoint}"
    anybody = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    reached = {"endpoint_url": url, "region_name": REGION, "verify": str(authority)}
    first = boto3.client("iam", **reached, **anybody)
    boto3.client("s3", **reached, **anybody).create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    made = [_keys(first, name) for name in (USER, "administrator")]
    everything = {**PERMITTED, "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    first.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=json.dumps(everything))
    # From now on signatures and permissions are verified.
    requests.post(f"{url}/moto-api/reset-auth", data="0", verify=str(authority), timeout=10).raise_for_status()
    administrator = boto3.client("iam", **reached, aws_access_key_id=made[1][0], aws_secret_access_key=made[1][1])
    ready = Store(endpoint, authority, *made[0], administrator)
    ready.permit()
    return ready


def _keys(administrator: Any, name: str) -> tuple[str, str]:
    administrator.create_user(UserName=name)
    key = administrator.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]
