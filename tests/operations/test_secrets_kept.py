"""What a run makes of secrets and of a CA is written when its turn comes, and in a plan nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyinfra.context import ctx_host

import operations.certificates
import operations.live.etcd_trust
import operations.secrets
import operations.util.planning
from cluster.errors import ConfigError
from cluster.pki.issuers import OWN_AUTHORITIES
from cluster.secrets.secrets import NAMES, Secrets
from operations.certificates import issued
from operations.secrets import kept
from tests.operations.test_certificates import PicturedHost, absent, cluster
from tests.operations.written import paths_made


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say whether a run only plans, as pyinfra would know it."""

    def set_to(*, planning: bool) -> None:
        for module in (operations.secrets, operations.certificates):
            monkeypatch.setattr(module, "dry_run", lambda: planning)

    monkeypatch.setattr(operations.secrets, "acts_for", lambda _: True)
    monkeypatch.setattr(operations.live.etcd_trust, "held", lambda _: {})
    return set_to


def run(operation: Any, **arguments: Any) -> tuple[PicturedHost, list[Any]]:
    host = PicturedHost("pg1", absent())
    with ctx_host.use(host):
        return host, list(operation._inner(cluster=cluster(), **arguments))


def test_a_plan_says_what_it_would_generate_and_writes_nothing(tmp_path: Path, stage: Any) -> None:
    stage(planning=True)
    directory = tmp_path / ".secrets" / "main"
    host, commands = run(kept, secrets=Secrets.plan(directory, {NAMES[0]: "given-by-the-environment"}))
    names = ", ".join(NAMES[1:])
    assert host.logged == [f"decided when its turn comes: {names}, generated and written into {directory}/secrets.json"]
    assert len(commands) == 1
    made = paths_made(run(issued, secrets_directory=directory)[1])
    assert len(made) > 5, "it says which certificates are made"
    assert list(tmp_path.iterdir()) == []


def test_they_are_written_when_their_turn_comes(tmp_path: Path, stage: Any) -> None:
    stage(planning=False)
    planned = Secrets.plan(tmp_path / "main", {})
    host, commands = run(kept, secrets=planned)
    assert (commands, host.noop_description) == ([], f"generated: {', '.join(NAMES)}")
    run(issued, secrets_directory=tmp_path / "main")
    assert sorted(path.name for path in (tmp_path / "main").iterdir()) == sorted(
        [*(f"{stem}.{end}" for stem in ("ca", *OWN_AUTHORITIES.values()) for end in ("crt", "key")), "secrets.json"]
    )
    host, commands = run(kept, secrets=Secrets.plan(tmp_path / "main", {}))
    assert (commands, host.noop_description) == ([], "all secrets were stored already")
    stage(planning=True)
    host, commands = run(kept, secrets=Secrets.plan(tmp_path / "main", {}))
    assert (commands, host.noop_description) == ([], "no secret has to be stored")


def test_no_host_gets_one_that_another_run_has_replaced(tmp_path: Path, stage: Any) -> None:
    stage(planning=False)
    planned = Secrets.plan(tmp_path / "main", {})
    Secrets.load(tmp_path / "main", {})
    with pytest.raises(ConfigError, match="was written by another run while this one started"):
        run(kept, secrets=planned)
