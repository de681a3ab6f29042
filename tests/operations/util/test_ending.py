"""How a run ends that failed: the way to find out more comes after a step that failed, and after nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from cluster.errors import ConfigError, UnsafeError
from operations.util import ending
from operations.util.ending import is_plugin, noting_failure, shown_failure


class Shown:
    """Stands for pyinfra's own error, which prints itself."""

    def __init__(self, error: Exception) -> None:
        self.exit_code = 1

    def show(self, file: Any = None) -> None:
        """See pyinfra."""


@pytest.mark.parametrize(
    ("error", "offers"),
    [(PyinfraError("No hosts remaining!"), True), (UnsafeError("pg1 leads"), True), (ConfigError("no option"), False)],
)
def test_a_step_that_failed_is_followed_by_one_line(
    error: Exception, offers: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ending, "_failed", False)
    monkeypatch.setattr("sys.argv", ["pyinfra", "-y", "mine.py", "deploys/cluster.py"])

    def fails() -> None:
        raise error

    with pytest.raises(type(error)):
        noting_failure(fails)()
    shown_failure(Shown, error).show()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("--> pyinfra mine.py deploys/doctor.py collects ") is offers
    assert said.err.count("\n") == offers


def test_what_is_refused_before_the_first_step_is_not_followed_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ending, "_failed", False)
    shown_failure(Shown, UnsafeError("another run acts")).show()
    assert capsys.readouterr().err == ""


def test_only_a_check_for_nagios_is_a_plugin() -> None:
    assert is_plugin(["-y", "--data", "format=nagios", "inventory.py", "deploys/check.py"])
    assert is_plugin(["--data=format=nagios", "inventory.py", "deploys/check.py"])
    assert not is_plugin(["--data", "format=json", "inventory.py", "deploys/ports.py"])
    assert not is_plugin(["--data", "format=nagios", "inventory.py", "deploys/ports.py"])
