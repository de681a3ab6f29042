"""Who streams with a certificate, as psql says it."""

from __future__ import annotations

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.postgres.logins import ReplicationLogins


def test_an_address_is_proven_or_not() -> None:
    said = ["proven 10.0.0.2", "password fd82::3", ""]
    assert ReplicationLogins().process(said) == {"10.0.0.2": True, "fd82::3": False}


def test_nobody_streams() -> None:
    assert ReplicationLogins().process([""]) == {}


def test_one_connection_without_is_one_without() -> None:
    assert "every(client_dn is not null)" in ReplicationLogins().command(5432, [])


def test_who_is_waited_for_is_looked_for_in_whole_lines() -> None:
    command = ReplicationLogins().command(5432, ["10.0.0.1", "fd82::1"], 7)
    assert "grep -qxF -e 'password 10.0.0.1' -e 'password fd82::1'" in command
    assert "+ 7 )" in command


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(FactProcessError, match="ReplicationLogins cannot be read"):
        ReplicationLogins().process(["psql: error: connection refused"])
