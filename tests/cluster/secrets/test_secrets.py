"""Secrets: found or generated once, never shown, never generated again; verdicts on passwords; SCRAM verifiers."""

from __future__ import annotations

import hashlib
import hmac
import json
import string
import subprocess
import sys
import time
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.pki.verdicts import Authority
from cluster.secrets import private_files
from cluster.secrets.secrets import (
    NAMES,
    OF_ROLES,
    Secret,
    Secrets,
    known_secrets,
    repeated_secrets,
    scram_verifier,
    scram_verifier_matches,
    weak_password_reason,
)
from tests.cluster.racing import in_processes, loaded

ADMIN = "PATRONI_ADMIN_PASSWORD"
GIVEN = {ADMIN: "Vb7kQzRw2LmXc9TnYp4s"}


def stored(directory: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((directory / "secrets.json").read_text())
    return content


def put(directory: Path, text: str, mode: int = 0o600) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / "secrets.json"
    path.write_text(text)
    path.chmod(mode)
    return path


# --- a value that does not show itself


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("s3cr3t")
    assert repr(secret) == "'*MASKED*'" and "s3cr3t" not in f"{secret!r} {[secret]} { ({'a': secret}) }"
    assert str(secret) == f"{secret}" == "s3cr3t" == secret
    assert type(str(secret)) is str and hash(secret) == hash("s3cr3t")
    assert json.dumps({"a": secret}) == '{"a": "s3cr3t"}'
    assert yaml.safe_load(yaml.safe_dump({"a": secret, "b": Secret("123")})) == {"a": "s3cr3t", "b": "123"}


def test_secrets_print_names_only(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path / "demo", GIVEN)
    assert ADMIN in repr(secrets) and not any(str(value) in repr(secrets) for value in secrets.values())


# --- where they come from


def test_generated_once_into_a_private_file(tmp_path: Path) -> None:
    directory = tmp_path / ".secrets" / "demo"
    first = Secrets.load(directory, {})
    written = (directory / "secrets.json").stat()
    assert dict(Secrets.load(directory, {})) == dict(first) == stored(directory)
    assert (directory / "secrets.json").stat().st_mtime_ns == written.st_mtime_ns
    assert written.st_mode & 0o777 == 0o600 and directory.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in directory.iterdir()] == ["secrets.json"]
    assert tuple(first) == NAMES and all(type(value) is Secret for value in first.values())
    assert repeated_secrets(first) == [] and first.from_environment == frozenset()


def test_generated_values_are_strong_and_need_no_quoting(tmp_path: Path) -> None:
    for name, value in Secrets.load(tmp_path / "demo", {}).items():
        assert len(value) >= 32 and value[0] in string.ascii_letters and value.isalnum() and value.isascii()
        assert weak_password_reason(name, value) is None


def test_the_environment_wins_and_is_not_written_down(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path / "demo", {**GIVEN, "HOME": "/nowhere"})
    assert secrets[ADMIN] == GIVEN[ADMIN] and secrets.from_environment == {ADMIN}
    assert GIVEN[ADMIN] not in (tmp_path / "demo" / "secrets.json").read_text()
    assert set(NAMES) - {ADMIN} < set(stored(tmp_path / "demo"))


def test_what_is_inherited_is_taken_over_once_and_kept(tmp_path: Path) -> None:
    theirs, given = {name: f"theirs-{name}" for name in OF_ROLES}, {OF_ROLES[3]: "given-by-the-environment"}
    secrets = Secrets.load(tmp_path / "dr", given, theirs)
    assert {name: secrets[name] for name in OF_ROLES} == {**theirs, **given}
    assert secrets["PATRONI_RESTAPI_PASSWORD"] not in theirs.values()
    assert theirs[OF_ROLES[3]] not in (tmp_path / "dr" / "secrets.json").read_text()
    assert dict(Secrets.load(tmp_path / "dr", given)) == dict(secrets), "after a promotion nobody is asked"
    again = Secrets.load(tmp_path / "dr", given, dict.fromkeys(OF_ROLES, "changed-meanwhile"))
    assert dict(again) == dict(secrets), "what has been taken over is replaced by nobody unasked"


def test_the_environment_wins_over_the_file_which_stays(tmp_path: Path) -> None:
    before = Secrets.load(tmp_path / "demo", {})
    assert Secrets.load(tmp_path / "demo", GIVEN)[ADMIN] == GIVEN[ADMIN]
    assert stored(tmp_path / "demo")[ADMIN] == before[ADMIN]


def test_refuses_when_the_environment_gave_a_secret_before_and_does_not_now(tmp_path: Path) -> None:
    Secrets.load(tmp_path / "demo", GIVEN)
    with pytest.raises(
        ConfigError, match=rf"{ADMIN} came from the environment before and is not set now\nHINT: set it"
    ):
        Secrets.load(tmp_path / "demo", {})
    content = stored(tmp_path / "demo")
    assert ADMIN not in content
    put(tmp_path / "demo", json.dumps({**content, ADMIN: "moved", "_from_environment": []}))
    assert Secrets.load(tmp_path / "demo", {})[ADMIN] == "moved"


def test_refuses_a_variable_that_is_set_but_empty(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{ADMIN} is set but empty\nHINT: "):
        Secrets.load(tmp_path / "demo", {ADMIN: ""})


def test_missing_names_are_added_and_unknown_names_are_kept(tmp_path: Path) -> None:
    put(tmp_path / "demo", json.dumps({"ours_tomorrow": {"a": [1]}, ADMIN: "kept"}))
    secrets = Secrets.load(tmp_path / "demo", {})
    content = stored(tmp_path / "demo")
    assert secrets[ADMIN] == content[ADMIN] == "kept" and content["ours_tomorrow"] == {"a": [1]}
    assert set(NAMES) < set(content)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_refuses_a_file_that_others_can_use(tmp_path: Path, mode: int) -> None:
    path = put(tmp_path / "demo", "{}", mode)
    with pytest.raises(ConfigError, match=rf"mode is {mode:04o}, not 0600\nHINT: run 'chmod 600 {path}'"):
        Secrets.load(tmp_path / "demo", {})
    assert path.read_text() == "{}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1 is not valid JSON"),
        ('{\n"A": "x",\n', "line 3 is not valid JSON"),
        ("[]", "it is not a JSON object"),
        (f'{{"{ADMIN}": 5}}', f"{ADMIN} is not a text or is empty"),
        (f'{{"{ADMIN}": ""}}', f"{ADMIN} is not a text or is empty"),
        ('{"_from_environment": "x"}', "_from_environment is not a list of names"),
    ],
)
def test_an_invalid_file_is_refused_and_never_generated_again(tmp_path: Path, text: str, sentence: str) -> None:
    path = put(tmp_path / "demo", text)
    with pytest.raises(ConfigError, match=rf"secrets\.json is not valid: {sentence}\nHINT: repair it"):
        Secrets.load(tmp_path / "demo", {})
    assert path.read_text() == text


def test_runs_at_the_same_time_get_the_same_secrets(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(loaded, [tmp_path / "threads"] * 64))) == 1
    assert len(in_processes("tests.cluster.racing.loaded", tmp_path / "processes")) == 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_run_that_dies_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    put(tmp_path / "demo", f'{{"{ADMIN}": "kept"}}')
    monkeypatch.setattr(f"os.{step}", killed)
    with pytest.raises(KeyboardInterrupt):
        Secrets.load(tmp_path / "demo", {})
    assert stored(tmp_path / "demo") == {ADMIN: "kept"}


ENDLESS_RUNS = """
import sys
from itertools import count
from pathlib import Path
from cluster.pki.authority import Authority
from cluster.secrets.secrets import Secrets
print("started", flush=True)
for number in count():
    directory = Path(sys.argv[1]) / str(number)
    Authority.load_or_create(directory, "demo"), Secrets.load(directory, {})
"""


@pytest.mark.parametrize("seconds", [0.05, 0.06, 0.07, 0.08, 0.09])
def test_the_next_run_goes_on_after_a_kill(tmp_path: Path, seconds: float) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", ENDLESS_RUNS, tmp_path], stdout=subprocess.PIPE, cwd=root) as run:
        assert run.stdout and run.stdout.readline() == b"started\n"
        time.sleep(seconds)
        run.kill()
    for directory in tmp_path.iterdir():
        kept = [(path, path.read_bytes()) for path in directory.glob("[!.]*")]
        Authority.load_or_create(directory, "demo")
        Secrets.load(directory, {})
        assert all(path.read_bytes() == content for path, content in kept)


def test_an_existing_file_is_not_overwritten_where_locks_do_not_work(tmp_path: Path) -> None:
    path = put(tmp_path / "demo", "first")
    with pytest.raises(ConfigError, match="File exists"):
        private_files.write_whole(path, "second")
    assert path.read_text() == "first" and [item.name for item in path.parent.iterdir()] == ["secrets.json"]


# --- weak passwords


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "P has 0 characters, 16 are the least"),
        ("Vb7kQzRw2LmXc9T", "P has 15 characters, 16 are the least"),
        ("abababababababababab", "P has 2 different characters, 6 are the least"),
        ("Password-Password-1", "P is little more than well-known words"),
        ("p@ssw0rdp@ssw0rd!!", "P is little more than well-known words"),
        ("postgres-changeme-2024", "P is little more than well-known words"),
        ("1234567890123456", "P is little more than well-known words"),
        ("MyPatroniSecret12345", "P is little more than well-known words"),
        ("Vb7kQzRw2LmXc9Tn\n", "P contains a control character"),
        ("Vb7kQzRw2LmXc9T\0n", "P contains a control character"),
        ("Vb7kQzRw2LmXc9T'n", "P contains a single quote, which ends a string in SQL and conninfo"),
        ('Vb7kQzRw2LmXc9T"n', "P contains a double quote, which"),
        ("Vb7kQzRw2LmXc9T\\n", "P contains a backslash, which"),
        ("Vb7kQzRw2LmXc9T n", "P contains a space, which"),
        ("Vb7kQzRw2LmXc9T#n", "P contains a '#', which"),
        ("Vb7kQzRw2LmXc9Tüx", "P contains a character outside ASCII, which"),
    ],
)
def test_weak_passwords_have_a_reason(value: str, reason: str) -> None:
    said = weak_password_reason("P", value)
    assert said is not None and said.startswith(reason) and (not value or value not in said)


@pytest.mark.parametrize("value", ["Vb7kQzRw2LmXc9Tn", "xK9admin3vQz7LmWp2Rt", "correct-horse-battery-staple"])
def test_good_passwords_have_none(value: str) -> None:
    assert weak_password_reason("P", value) is None


def test_the_callers_words_count_as_well_known() -> None:
    assert weak_password_reason("P", "billing-west-billing") is None
    assert (
        weak_password_reason("P", "billing-west-billing", ["", "Billing"]) == "P is little more than well-known words"
    )


def test_names_with_the_same_value_are_found() -> None:
    assert repeated_secrets({"A": "x", "B": "y", "C": "x", "D": "z", "E": "y"}) == [("A", "C"), ("B", "E")]


# --- SCRAM

# RFC 7677, section 3: user "user", password "pencil".
RFC_SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
RFC_MESSAGE = (
    b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
RFC_PROOF = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
RFC_SERVER_SIGNATURE = b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_the_verifier_accepts_the_exchange_of_rfc_7677() -> None:
    head, keys = scram_verifier("pencil", salt=RFC_SALT, iterations=4096).rsplit("$", 1)
    stored_key, server_key = map(b64decode, keys.split(":"))
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    assert hmac.digest(server_key, RFC_MESSAGE, "sha256") == RFC_SERVER_SIGNATURE
    signature = hmac.digest(stored_key, RFC_MESSAGE, "sha256")
    client_key = bytes(a ^ b for a, b in zip(RFC_PROOF, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key


def test_libpq_makes_verifiers_that_match() -> None:
    pq = pytest.importorskip("psycopg.pq")
    connection = pq.PGconn.connect(b"host=127.0.0.1 port=1 connect_timeout=1")
    made = connection.encrypt_password(b"pencil", b"user", b"scram-sha-256").decode()
    assert scram_verifier_matches(made, "pencil") and not scram_verifier_matches(made, "Pencil")


passwords = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=40)


@given(password=passwords, other=passwords, iterations=st.integers(1, 20))
def test_a_verifier_matches_its_password_only(password: str, other: str, iterations: int) -> None:
    verifier = scram_verifier(Secret(password), iterations=iterations)
    assert scram_verifier_matches(verifier, password)
    assert scram_verifier_matches(verifier, other) == (password == other)
    assert scram_verifier(password, iterations=iterations) != verifier


@pytest.mark.parametrize(
    "verifier",
    [None, "", "md5" + "0" * 32, "pencil", "SCRAM-SHA-256$0:YQ==$YQ==:YQ==", "SCRAM-SHA-256$1:a$b:c"],
)
def test_anything_else_does_not_match(verifier: str | None) -> None:
    assert not scram_verifier_matches(verifier, "pencil")


def test_both_keys_must_match() -> None:
    verifier = scram_verifier("pencil", salt=RFC_SALT)
    assert not scram_verifier_matches(verifier.rpartition(":")[0] + ":YQ==", "pencil")


def test_refuses_a_verifier_for_what_needs_saslprep() -> None:
    with pytest.raises(ConfigError, match=r"outside ASCII\nHINT: "):
        scram_verifier("pässword")


# --- what is known without making any


def test_what_is_known_is_read_and_nothing_is_made_or_written_down(tmp_path: Path) -> None:
    directory = tmp_path / "main"
    assert known_secrets(directory, {}) == {}
    assert known_secrets(directory, GIVEN) == GIVEN
    assert not directory.exists()
    made = Secrets.load(directory, {})
    before = stored(directory)
    assert known_secrets(directory, GIVEN) == {**made, **GIVEN}
    assert stored(directory) == before, "a variable that is refused must not be remembered"


def test_what_is_known_is_refused_as_it_is_when_loaded(tmp_path: Path) -> None:
    Secrets.load(tmp_path / "main", GIVEN)
    with pytest.raises(ConfigError, match=rf"{ADMIN} came from the environment before and is not set now\nHINT: "):
        known_secrets(tmp_path / "main", {})
    with pytest.raises(ConfigError, match=rf"{ADMIN} is set but empty\nHINT: "):
        known_secrets(tmp_path / "main", {ADMIN: ""})


# --- a plan


def test_a_plan_writes_nothing_and_is_kept_when_its_turn_comes(tmp_path: Path) -> None:
    directory = tmp_path / ".secrets" / "demo"
    planned = Secrets.plan(directory, GIVEN)
    assert planned.made == tuple(name for name in NAMES if name != ADMIN)
    assert list(tmp_path.iterdir()) == []
    planned.keep()
    planned.keep()
    assert planned.made == () and dict(Secrets.load(directory, GIVEN)) == dict(planned)
    assert stored(directory)["_from_environment"] == [ADMIN]
    put(tmp_path / "partly", json.dumps({"HAPROXY_STATS_PASSWORD": "kept"}))
    before = (tmp_path / "partly" / "secrets.json").read_text()
    assert Secrets.plan(tmp_path / "partly", {}).made == tuple(x for x in NAMES if x != "HAPROXY_STATS_PASSWORD")
    assert (tmp_path / "partly" / "secrets.json").read_text() == before


def test_a_plan_is_not_kept_over_what_another_run_made_meanwhile(tmp_path: Path) -> None:
    planned = Secrets.plan(tmp_path / "demo", {})
    theirs = Secrets.load(tmp_path / "demo", {})
    with pytest.raises(ConfigError, match=r"MONITORING_PASSWORD of .*secrets\.json was written by another run"):
        planned.keep()
    assert stored(tmp_path / "demo") == dict(theirs)


def test_a_plan_refuses_a_directory_that_others_can_use(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo").chmod(0o755)
    with pytest.raises(ConfigError, match=r"mode is 0755, not 0700\nHINT: run"):
        Secrets.plan(tmp_path / "demo", {})
