"""What pgBackRest 2.55.1 said of an S3-compatible store, and what an operator is told of it."""

from __future__ import annotations

import pytest

from cluster.verdicts.repository_errors import BUCKET, CERTIFICATE, HOST, KEYS, PHRASE, WAY, cause, way_out

REFUSED = """\
[ProtocolError] HTTP request failed with 403 (FORBIDDEN):
*** Path/Query ***:
GET /backups/?delimiter=%2F&list-type=2&prefix=main%2Fbackup%2F
*** Response Content ***:
<?xml version="1.0" encoding="utf-8"?>
<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the signature you \
provided. Check your key and signing method.</Message><BucketName>backups</BucketName></Error>"""
UNTRUSTED = """\
[CryptoError] unable to verify certificate presented by '10.82.3.1:9443': [20] unable to get local issuer certificate
    [CryptoError] on 9 retries from 120-10010ms: unable to verify certificate presented by '10.82.3.1:9443'"""
ABSENT = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"


def test_a_store_s_document_becomes_a_line() -> None:
    assert cause(REFUSED) == (
        "the store answers SignatureDoesNotMatch: The request signature we calculated does not match the signature "
        "you provided. Check your key and signing method."
    )


def test_of_many_lines_the_first_matters() -> None:
    assert cause(UNTRUSTED) == UNTRUSTED.splitlines()[0]
    assert cause("") == "no word"


@pytest.mark.parametrize(
    "text, hint",
    [
        (REFUSED, KEYS),
        ("HTTP request failed with 403 (FORBIDDEN):", KEYS),
        (ABSENT, BUCKET),
        (UNTRUSTED, CERTIFICATE),
        ("[HostConnectError] unable to connect to '10.82.3.1:9443': [111] Connection refused", WAY),
        ("no answer in 8 s", WAY),
        ("[CryptoError] unable to flush", PHRASE),
        ("[055]: unable to load info file", HOST),
    ],
)
def test_every_cause_has_its_way_out(text: str, hint: str) -> None:
    assert way_out(text) == hint
