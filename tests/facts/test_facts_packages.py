"""What the script on a host prints, recorded on Debian 13, and what is made of it."""

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.packages import HostPackages

FRESH = """\
release|debian|trixie|13
package|openssl|install|installed|3.5.7-1~deb13u3
absent|/etc/apt/sources.list.d/pyinfra-patroni.sources
path|/etc/apt/keyrings|directory|755|root|root
"""

INSTALLED = """\
release|debian|trixie|13
package|haproxy|hold|config-files|3.0.11-1+deb13u3
package|openssl|install|installed|3.5.7-1~deb13u3
package|patroni|hold|installed|4.0.7-3~deb13u1
unfinished|
masked|
cluster|/etc/postgresql/17/main/postgresql.conf
rival|/etc/apt/sources.list.d/pgdg.list
offered|openssl|3.5.7-1~deb13u3|http://deb.debian.org/debian-security trixie-security/main amd64 Packages
offered|openssl|3.5.7-1~deb13u3|http://deb.debian.org/debian trixie-updates/main amd64 Packages
offered|openssl|3.5.7-1~deb13u2|http://deb.debian.org/debian trixie/main amd64 Packages
path|/etc/postgresql-common/createcluster.conf|regular file|644|root|root
ed44e5776f819c004f25ab05edd5fdbf014617f829c80c2bc06beee9eace92ad  /etc/postgresql-common/createcluster.conf
"""


def test_a_fresh_host() -> None:
    assert HostPackages().process(FRESH.splitlines()) == {
        "release": {"id": "debian", "codename": "trixie", "version": "13"},
        "packages": {"openssl": {"status": "installed", "version": "3.5.7-1~deb13u3", "held": False}},
        "paths": {
            "/etc/apt/sources.list.d/pyinfra-patroni.sources": None,
            "/etc/apt/keyrings": {"kind": "directory", "mode": "755", "user": "root", "group": "root"},
        },
        "unfinished": False,
        "masked": False,
        "clusters": [],
        "rivals": [],
        "offered": {},
    }


def test_a_host_with_everything_that_can_be_seen() -> None:
    picture = HostPackages().process(INSTALLED.splitlines())
    assert picture["packages"]["haproxy"] == {"status": "config-files", "version": "3.0.11-1+deb13u3", "held": True}
    assert picture["packages"]["patroni"] == {"status": "installed", "version": "4.0.7-3~deb13u1", "held": True}
    assert picture["unfinished"] and picture["masked"]
    assert picture["clusters"] == ["/etc/postgresql/17/main/postgresql.conf"]
    assert picture["rivals"] == ["/etc/apt/sources.list.d/pgdg.list"]
    assert picture["offered"] == {"openssl": ["3.5.7-1~deb13u3", "3.5.7-1~deb13u2"]}
    assert picture["paths"]["/etc/postgresql-common/createcluster.conf"]["sha256"].startswith("ed44e577")


def test_an_answer_without_a_release_is_no_answer() -> None:
    with pytest.raises(FactProcessError):
        HostPackages().process(["package|openssl|install|installed|3"])


def test_apt_is_not_asked_unless_it_must_be() -> None:
    quick = HostPackages().command(packages=["haproxy"], paths=["/etc/apt/keyrings"])
    assert "apt-cache" not in quick and "grep -sF" not in quick
    assert "apt-cache madison haproxy" in HostPackages().command(packages=["haproxy"], offered=True)


def test_other_entries_are_looked_for_by_the_address_alone() -> None:
    command = HostPackages().command(packages=["haproxy"], uri="https://apt.example.net/pg", own="/etc/own.sources")
    assert "grep -sF -e apt.example.net/pg " in command
    assert "grep -vxF /etc/own.sources" in command
