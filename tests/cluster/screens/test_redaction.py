"""What is secret in a text is gone, in whatever form it stands there, and the rest is as it was."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.screens.redaction import redacted
from tests.golden.examples import SECRETS

# A password and nothing else. The archive has it only where the password is known, and so found anywhere.
ALL_SECRET = {"login"}
GOLDEN = Path(__file__).parents[2] / "golden"

# Any secret that a user may have chosen; those that we make are letters and digits.
hidden = st.text(
    string.ascii_letters + string.digits + "!#$%&()*+,-./:;<=>?@[]^_`{|}~ ", min_size=8, max_size=40
).filter(lambda text: text.strip() == text and not text.isalpha() and len(set(text)) > 4)
plain = st.text(string.ascii_letters + string.digits, min_size=8, max_size=40).filter(lambda text: not text.isalpha())

KNOWN: list[Callable[[str], str]] = [
    lambda one: one,
    lambda one: f"it is {one}, and goes on",
    lambda one: json.dumps({"x": [one]}),
    lambda one: yaml.safe_dump({"a": {"b": one}}, width=1000, default_style='"'),
    lambda one: f"postgresql://admin:{quote(one, safe='')}@10.0.0.1/app",
    lambda one: "create role x password '" + one.replace("'", "''") + "'",
    lambda one: json.dumps({"x": json.dumps({"y": one})}).replace("\\\\", "\\"),
]
# Those that nobody knows: by their place alone.
UNKNOWN: list[Callable[[str], str]] = [
    lambda one: f"password: {one}\n",
    lambda one: f"    password: '{one}'\n",
    lambda one: f"PGPASSWORD={one} psql\n",
    lambda one: f"host=10.0.0.1 user=rewind password={one} sslmode=verify-full",
    lambda one: f"primary_conninfo = 'user=x password={one} host=y'",
    lambda one: json.dumps({"restapi": {"authentication": {"username": "u", "password": one}}}),
    lambda one: json.dumps({"text": json.dumps({"password": one})}),
    lambda one: f"postgres://app:{one}@db/app",
    lambda one: f"https://user:{one}@chat.example.net/hooks",
    lambda one: f"repo1-cipher-pass={one}\n",
    lambda one: f"repo2-s3-key-secret={one}\nrepo2-s3-key={one}\n",
    lambda one: f"backup --repo1-cipher-pass {one} --stanza main",
    lambda one: f"    user admin insecure-password '{one}'\n",
    lambda one: f"    stats auth admin:{one}\n",
    lambda one: f"  auth_pass {one}\n",
    lambda one: f" neighbor 10.0.0.1 password {one}\n",
    lambda one: f"alter role admin password '{one}'",
    lambda one: f'"pgbouncer_auth" "{one}"\n',
    lambda one: f"10.0.0.1:5432:*:replicator:{one}\n",
    lambda one: f"Authorization: Basic {base64.b64encode(one.encode()).decode()}",
    lambda one: f"Authorization: Bearer {one}",
    lambda one: f"AWS_SECRET_ACCESS_KEY={one}\n",
    lambda one: f"token: {one}\n",
    lambda one: f"password: |\n  {one}\n  {one}\nnext: 1\n",
    lambda one: f"-----BEGIN EC PRIVATE KEY-----\n{one}\n-----END EC PRIVATE KEY-----\n",
    lambda one: f"-----BEGIN PRIVATE KEY-----\n{one}",
    lambda one: f"SCRAM-SHA-256$4096:{one}$a:b",
]


@given(hidden, st.sampled_from(KNOWN))
def test_a_known_secret_is_nowhere(secret: str, form: Callable[[str], str]) -> None:
    found = redacted(form(secret), {"MINE": secret})
    assert secret not in found and quote(secret, safe="") not in found
    assert json.dumps(secret)[1:-1] not in found


@given(plain, st.sampled_from(["", "a", "admin:", "user:x"]), st.sampled_from(["", "z", "zz"]))
def test_a_known_secret_is_not_in_base64_either(secret: str, before: str, after: str) -> None:
    text = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    found = redacted(f"X-Header: {text}", {"MINE": secret})
    left = found.removeprefix("X-Header: ").partition("[")[0]
    assert "[MINE-removed]" in found
    assert len(base64.b64decode(left[: len(left) // 4 * 4])) <= len(before) + 2


@given(plain, st.sampled_from(UNKNOWN))
def test_what_nobody_knows_is_found_by_its_place(secret: str, form: Callable[[str], str]) -> None:
    found = redacted(form(secret), {})
    assert secret not in found
    assert base64.b64encode(secret.encode()).decode() not in found


@given(st.text(max_size=300), st.lists(hidden, max_size=3))
def test_any_text_can_be_redacted_and_twice_is_as_once(text: str, secrets: list[str]) -> None:
    known = {f"S{n}": one for n, one in enumerate(secrets)}
    assert redacted(redacted(text, known), known) == redacted(text, known)


def test_no_file_of_the_examples_keeps_a_secret_even_when_nobody_knows_it() -> None:
    files = [
        path
        for path in GOLDEN.rglob("*")
        if path.is_file() and path.suffix != ".py" and path.name not in ALL_SECRET and "__pycache__" not in path.parts
    ]
    left = {path.name for path in files for one in SECRETS.values() if str(one) in redacted(path.read_text(), {})}
    assert left == set()
    assert any(str(one) in path.read_text() for path in files for one in SECRETS.values()), "there is nothing to remove"


@pytest.mark.parametrize(
    "text",
    [
        "password_encryption: scram-sha-256\n",
        "pgpass: /var/lib/postgresql/.pgpass_patroni\n",
        "keyfile: /etc/patroni/pki/patroni.key\n",
        'FATAL:  password authentication failed for user "x"',
        "hostssl all all 10.0.0.0/8 scram-sha-256\n",
        "tokens: 3\n",
        "shared_buffers: 4096MB\nmax_connections: 200\n",
        "12:34:56 pg1 LOG:  checkpoint complete: wrote 3 buffers",
        "secret: null\n",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text, {}) == text


def test_a_configuration_is_still_one() -> None:
    text = (GOLDEN / "three_hosts" / "pg1.example.net" / "etc" / "patroni" / "config.yml").read_text()
    before, after = yaml.safe_load(text), yaml.safe_load(redacted(text, {name: str(v) for name, v in SECRETS.items()}))
    assert set(before) == set(after)
    assert before["postgresql"]["parameters"] == after["postgresql"]["parameters"]
