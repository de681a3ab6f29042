"""Secrets of this machine against those of living hosts: what differs is named, and nothing is made or replaced."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.findings import Finding, findings_table
from cluster.preflight.control_machine import LATER, HeldSecrets, inheritance_findings
from cluster.preflight.secrets import (
    CIPHER_PASS,
    FILES,
    ROTATABLE,
    deciphers,
    digest,
    foreign_findings,
    held_findings,
    roles,
    rotated,
)
from cluster.secrets.passwords import scram_verifier
from cluster.secrets.secrets import NAMES
from tests.cluster.declared.test_standby_clusters import both
from tests.cluster.preflight_hosts import IDENTIFIER, a_cluster, data, picture, running

NONCE = "a nonce"
FILE = ".secrets/main/secrets.json"
OURS = {name: f"ours-{name}" for name in NAMES}
ADMIN, REST, REPLICATION = "PATRONI_ADMIN_PASSWORD", "PATRONI_RESTAPI_PASSWORD", "PATRONI_REPLICATION_PASSWORD"
IN_CONFIG = [name for name in NAMES if name not in (ADMIN, "HAPROXY_STATS_PASSWORD", CIPHER_PASS)]


def held(values: Mapping[str, str] = OURS, missing: tuple[str, ...] = (), **other: Any) -> HeldSecrets:
    origin = dict.fromkeys(values, FILE)
    return HeldSecrets(values, origin, not missing, ".secrets/main", missing=missing, **other)


def verifier(password: str) -> dict[str, str]:
    text = scram_verifier(password, iterations=2)
    return {"salt": text.split("$")[1], "verifier_sha256": sha256(text.encode()).hexdigest()}


def has(values: Mapping[str, str], by_role: Mapping[str, str] = {}, authority: str | None = None) -> dict[str, Any]:
    """What a host says of its secrets."""
    named = roles(a_cluster())
    return {
        "digests": {name: [digest(NONCE, value)] for name, value in values.items()},
        "roles": {named[name]: verifier(value) for name, value in by_role.items()},
        "authority": authority and sha256(authority.encode()).hexdigest(),
    }


def member(n: int, theirs: Mapping[str, str] = OURS, **other: Any) -> dict[str, Any]:
    """A member of the living cluster."""
    in_files = {name: theirs[name] for name in (*IN_CONFIG, "HAPROXY_STATS_PASSWORD") if name in theirs}
    return running(n, **{"held": has(in_files, {name: theirs[name] for name in roles(a_cluster())}), **other})


def judged(ours: HeldSecrets, rotates: tuple[str, ...] = (), **pictures: Any) -> list[Finding]:
    return sorted(held_findings(a_cluster(), ours, pictures, NONCE, rotates))


def test_those_of_the_cluster_itself() -> None:
    assert judged(held(), pg1=member(1), pg2=member(2), pg3=None) == []
    assert judged(held(), pg1=picture(1)) == [], "fresh hosts have none"


def test_those_of_another_cluster_are_all_named_with_a_way_out_and_none_is_shown() -> None:
    found = judged(held({name: f"theirs-{name}" for name in NAMES}), pg1=member(1), pg2=member(2))
    assert [one.what for one in found] == sorted(set(NAMES) - {CIPHER_PASS})
    assert all("of the living cluster main has" in one.problem for one in found)
    by_name = {one.what: one for one in found}
    assert "pg1, pg2, the role replicator on pg1" in by_name[REPLICATION].problem
    assert "On pg1 it stands in a file: `sudo grep -A2 replication: /etc/patroni/config.yml`." in (
        by_name[REPLICATION].hint
    )
    assert "set it on the primary first" in by_name[REPLICATION].hint
    for name in ROTATABLE:
        assert f"`--data rotate={name}`" in by_name[name].hint
    shown = findings_table(found, 10_000)
    assert not any(value in shown for value in (*OURS.values(), *(f"theirs-{name}" for name in NAMES)))


def test_one_that_any_host_has_is_the_clusters() -> None:
    changed = {**OURS, REST: "the new one"}
    assert judged(held(changed), pg1=member(1, changed), pg2=member(2)) == [], "a rotation that was cut off goes on"
    assert judged(held(changed), pg1=member(1), rotates=(REST,)) == []
    assert [one.what for one in judged(held(changed), pg1=member(1))] == [REST]


def test_a_password_that_was_set_on_the_primary_first_is_the_clusters() -> None:
    changed = {**OURS, REPLICATION: "the new one"}
    only_the_role = {**member(1), "held": has({name: OURS[name] for name in IN_CONFIG}, {REPLICATION: "the new one"})}
    assert judged(held(changed), pg1=only_the_role) == []


def test_the_admins_is_known_by_the_role_alone() -> None:
    (found,) = judged(held({**OURS, ADMIN: "another one"}), pg1=member(1))
    assert found.problem == "is not the one that the role admin on pg1 of the living cluster main has"
    assert "stands in a file" not in found.hint


def test_a_member_of_another_cluster_says_nothing_of_this_one() -> None:
    theirs = {name: f"theirs-{name}" for name in NAMES}
    assert judged(held(), pg1=member(1), pg2=member(2, theirs, scope="other")) == []


# --- pass phrase and repository


def test_the_pass_phrase_of_the_repository_host() -> None:
    backup = picture(9, held=has({CIPHER_PASS: "the one of the backups"}))
    (found,) = judged(held(), pg1=member(1), backup1=backup)
    assert (found.where, found.what) == (FILE, CIPHER_PASS)
    assert found.problem == "is not the one that backup1 of the living cluster main has"
    assert "`sudo grep cipher-pass /etc/pgbackrest/pgbackrest.conf`" in found.hint and "never changes" in found.hint
    backup = picture(9, held=has({CIPHER_PASS: OURS[CIPHER_PASS]}))
    assert judged(held(), pg1=member(1), backup1=backup) == []


def encrypted(pass_phrase: str, text: str = '[backrest]\nbackrest-checksum="0"\n') -> bytes:
    """As pgBackRest does it, by another program."""
    words = ["openssl", "enc", "-aes-256-cbc", "-md", "sha1", "-salt", "-pass", f"pass:{pass_phrase}"]
    return subprocess.run(words, input=text.encode(), capture_output=True, check=True).stdout[:64]


def stanza(pass_phrase: str, **other: Any) -> dict[str, Any]:
    return picture(9, stanza={"head": b64encode(encrypted(pass_phrase)).decode(), "backups": []}, **other)


@given(st.text("abcXYZ019", min_size=1, max_size=40))
def test_another_pass_phrase_opens_nothing(other: str) -> None:
    assert not deciphers(other, HEAD) or other == OURS[CIPHER_PASS]


HEAD = encrypted(OURS[CIPHER_PASS])


def test_what_opens_a_repository() -> None:
    assert deciphers(OURS[CIPHER_PASS], HEAD)
    assert deciphers("whatever", b"[backrest]\n" + b"x" * 60), "it is not encrypted"
    assert deciphers("whatever", HEAD[:20]), "too short to tell"


def test_a_repository_whose_host_lost_its_configuration() -> None:
    assert judged(held(), backup1=stanza(OURS[CIPHER_PASS])) == []
    (found,) = judged(held(), backup1=stanza("the one of the backups"))
    assert found.problem == "does not open the repository of main on backup1"
    # Its configuration was overwritten by a run before this one: the repository has the last word.
    wrong = has({CIPHER_PASS: OURS[CIPHER_PASS]})
    assert [one.what for one in judged(held(), backup1=stanza("another", held=wrong))] == [CIPHER_PASS]


def test_a_repository_that_is_left_of_a_destroyed_cluster_and_no_pass_phrase() -> None:
    lacking = {name: value for name, value in OURS.items() if name != CIPHER_PASS}
    (found,) = judged(held(lacking, (CIPHER_PASS,)), pg1=picture(1), backup1=stanza("the one of the backups"))
    assert (found.where, found.what) == (FILE, CIPHER_PASS)
    assert found.problem == "is missing, and opens the repository of main on backup1"
    assert found.hint.startswith("Give the one with which it was written: without it these backups are lost. To begin")


# --- the CA


def test_another_ca_of_the_same_name() -> None:
    ours = held(authority="the CA")
    assert judged(ours, pg1=member(1, held=has(OURS, authority="the CA"))) == []
    (found,) = judged(ours, pg1=member(1, held=has(OURS, authority="another CA")))
    assert (found.where, found.what, found.problem) == (
        *(".secrets/main", "CA"),
        "is another CA than the one that pg1 trusts",
    )


# --- what would have to be made


def strangers(ours: HeldSecrets, keys: Any = None, rotates: tuple[str, ...] = (), **pictures: Any) -> list[Finding]:
    return list(foreign_findings(a_cluster(), ours, pictures, keys, rotates))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LATER])
def test_one_that_is_missing_is_never_made_for_a_cluster_that_lives(name: str) -> None:
    lacking = held({one: value for one, value in OURS.items() if one != name}, (name,))
    assert strangers(lacking, pg1=picture(1)) == []
    (found,) = strangers(lacking, pg1=member(1))
    assert (found.where, found.what) == (FILE, name)
    assert found.problem == "is missing, and pg1 already runs the cluster main"
    assert ("or take it from pg1: `sudo grep" in found.hint) == (name not in (ADMIN, CIPHER_PASS))
    assert (strangers(lacking, rotates=(name,), pg1=member(1)) == []) and (
        (f"`--data rotate={name}`" in found.hint) == (name in ROTATABLE)
    )


@pytest.mark.parametrize("name", LATER)
def test_one_of_a_later_component_is_made_for_a_cluster_that_lives_unless_a_host_has_it(name: str) -> None:
    lacking = held({one: value for one, value in OURS.items() if one != name}, (name,))
    without = {one: value for one, value in OURS.items() if one != name}
    assert strangers(lacking, pg1=member(1, without)) == []
    (found,) = strangers(lacking, pg1=member(1, {**without, name: "theirs"}))
    assert found.problem == "is missing, and pg1 already runs the cluster main"
    assert f"take it from pg1: `sudo cat {FILES[name][0]}`" in found.hint
    assert strangers(lacking, rotates=(name,), pg1=member(1, {**without, name: "theirs"})) == []


def test_a_cluster_lives_where_only_its_repository_host_or_etcd_says_so() -> None:
    lacking = held({ADMIN: "x"}, tuple(name for name in NAMES if name != ADMIN))
    backup = picture(9, held=has({CIPHER_PASS: "p"}))
    assert [one.what for one in strangers(lacking, pg1=None, backup1=backup)] == [
        name for name in lacking.missing if name not in LATER
    ]
    (*_, found) = strangers(lacking, {"/service/main/initialize": "1"}, pg1=None)
    assert found.problem == "is missing, and etcd already knows the cluster main"
    assert strangers(lacking, {"/service/other/initialize": "1"}, pg1=None) == []
    pictures = {"pg1": picture(1, data=data("files", "17", IDENTIFIER))}
    (*_, found) = foreign_findings(a_cluster(), lacking, pictures, adopts=True)
    assert list(foreign_findings(a_cluster(), lacking, pictures)) == [], "they are somebody's"
    assert found.problem == "is missing, and pg1 has the data of a cluster, whose roles have passwords"


def test_without_a_ca_or_anything_at_all_the_whole_directory_is_asked_for() -> None:
    for lacking in (held({}, NAMES), held({ADMIN: "x"}, (CIPHER_PASS,), has_authority=False)):
        (found,) = strangers(lacking, pg1=member(1))
        assert found.problem == "pg1 already runs the cluster main, whose secrets or CA are not on this machine"


# --- the word that lets a run change one


def test_the_secrets_that_a_run_may_change() -> None:
    assert rotated("") == frozenset()
    assert rotated(f"{ADMIN}, {REST}") == {ADMIN, REST}
    for name in (CIPHER_PASS, REPLICATION, "nonsense"):
        with pytest.raises(ConfigError, match=rf"rotate: {name} is not changed by a run\nHINT: it changes PATRONI_A"):
            rotated(f"{ADMIN},{name}")


# --- a source


def test_what_is_not_known_of_a_source_is_not_made_up() -> None:
    standby = both()[1]
    ours = HeldSecrets({}, {}, complete=False, place=".secrets/dr", unknown=(REPLICATION, "CA"))
    assert list(inheritance_findings(standby, ours)) == [], "it is built in the same run"
    (found,) = inheritance_findings(standby, ours, alone=True)
    assert found.problem == f"{REPLICATION}, CA of shop not known here, whose standby cluster dr is"
    assert list(inheritance_findings(a_cluster(), ours, alone=True)) == []


def test_one_that_a_source_has_not_made_yet_is_made_by_its_own_run() -> None:
    ours = HeldSecrets({}, {}, complete=False, place=".secrets/dr", unknown=LATER)
    (found,) = inheritance_findings(both()[1], ours, alone=True)
    assert found.problem == "shop, whose standby cluster dr is, has no PGBOUNCER_PASSWORD, MONITORING_PASSWORD yet"
    assert found.hint == "Run `pyinfra inventory.py deploys/cluster.py` for shop first, which makes it."


def test_restored_data_bring_roles_of_another_day() -> None:
    other = {**OURS, ADMIN: "that of the source"}
    restored = member(1, held=has({name: OURS[name] for name in IN_CONFIG}, {ADMIN: other[ADMIN]}), restoring=True)
    assert judged(held(), pg1=restored) == []
