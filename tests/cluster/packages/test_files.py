"""Where packages come from: sources, preferences and the keys that sign them."""

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.packages.files import PGDG_KEY, preferences_file, signing_key, source_file
from cluster.packages.plan import packages_question
from cluster.packages.releases import Release
from tests.cluster.packages_hosts import MIRROR, TRIXIE, a_cluster


def test_pgdg_as_apt_wants_it() -> None:
    file = source_file(a_cluster(packages_source="pgdg"), Release("ubuntu", "noble", "24.04"))
    assert file is not None
    assert file.path == "/etc/apt/sources.list.d/pyinfra-patroni.sources"
    assert file.content == (
        "# Written by pyinfra-patroni; change packages_source in group_data instead.\n"
        "Types: deb\n"
        "URIs: https://apt.postgresql.org/pub/repos/apt\n"
        "Suites: noble-pgdg\n"
        "Components: main\n"
        "Signed-By: /etc/apt/keyrings/pyinfra-patroni.asc\n"
    )


def test_a_mirror_as_apt_wants_it() -> None:
    file = source_file(a_cluster(**MIRROR, packages_mirror_components=["main", "extra"]), TRIXIE)
    assert file is not None
    assert "URIs: https://apt.example.net/pg\nSuites: trixie-ha\nComponents: main extra\n" in file.content


def test_a_mirror_wins_over_the_distribution_and_pgdg_has_no_say_in_etcd() -> None:
    mirror, pgdg = preferences_file(a_cluster(**MIRROR)), preferences_file(a_cluster(packages_source="pgdg"))
    assert mirror is not None and pgdg is not None
    assert 'Pin: origin "apt.example.net"\nPin-Priority: 600\n' in mirror.content
    assert "Package: etcd-server etcd-client haproxy\nPin: release o=apt.postgresql.org\n" in pgdg.content


def test_the_distribution_needs_no_file_of_ours() -> None:
    cluster = a_cluster()
    assert (source_file(cluster, TRIXIE), preferences_file(cluster), signing_key(cluster)) == (None, None, None)


def test_only_pgdg_is_looked_for_in_other_entries() -> None:
    pgdg, mirror = a_cluster(packages_source="pgdg"), a_cluster(**MIRROR)
    assert packages_question(pgdg, pgdg.nodes[0])["uri"] == "https://apt.postgresql.org/pub/repos/apt"
    assert packages_question(mirror, mirror.nodes[0])["uri"] is None


def fingerprint(armored: str) -> str:
    """The v4 fingerprint of an armored key's first packet, RFC 4880 section 12.2."""
    lines = armored.split("\n\n", 1)[1].splitlines()
    data = base64.b64decode("".join(line for line in lines if line and line[0] not in "=-"))
    assert data[0] == 0x99, "an old-format public key packet with a length of two octets"
    length = int.from_bytes(data[1:3], "big")
    return hashlib.sha1(data[: 3 + length]).hexdigest().upper()


def test_the_key_that_is_shipped_is_pgdgs() -> None:
    text = signing_key(a_cluster(packages_source="pgdg"))
    assert text is not None
    assert fingerprint(text) == "B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8"
    # The file as Debian's postgresql-common ships it, so that its user ids and signatures are as they were, too.
    digest = hashlib.sha256(PGDG_KEY.read_bytes()).hexdigest()
    assert digest == "0144068502a1eddd2a0280ede10ef607d1ec592ce819940991203941564e8e76"


@given(st.integers(min_value=0, max_value=500))
def test_a_tampered_key_has_another_fingerprint(position: int) -> None:
    head, body = PGDG_KEY.read_text().split("\n\n", 1)
    index = 8 + position + position // 64  # within the first packet; each line holds 64 characters
    other = "A" if body[index] != "A" else "B"
    tampered = body if body[index] == "\n" else f"{body[:index]}{other}{body[index + 1 :]}"
    assert (fingerprint(f"{head}\n\n{tampered}") == "B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8") == (tampered == body)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the key of the package source cannot be read: No such file or directory: {path}\nHINT: "),
        (b"\x99\x01\xff", "{path} is no ASCII-armored public key\nHINT: take what `gpg --export --armor` prints."),
        (b"hello\n", "{path} is no ASCII-armored public key\nHINT: take what `gpg --export --armor` prints."),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "{path} holds a private key\nHINT: take what "),
    ],
)
def test_a_key_that_apt_could_not_use_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "mirror.asc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        signing_key(a_cluster(**{**MIRROR, "packages_mirror_key": str(path)}))
    assert str(refused.value).startswith(message.format(path=path))
