"""The refusals of this project: a sentence, then a HINT. The only module of this layer that knows pyinfra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyinfra.api.exceptions import DeployError, OperationError

if TYPE_CHECKING:
    from cluster.findings import Finding


class ConfigError(DeployError):
    """Bad input, found before any host is touched. pyinfra prints it as it is, without a traceback."""


class UnsafeError(OperationError):
    """The live state makes the next step dangerous; nothing of that step was done."""


def refusal(findings: Sequence[Finding]) -> ConfigError:
    """All findings as one refusal. + findings: what is wrong, at least one"""
    from cluster.findings import findings_table

    noun = "finding" if len(findings) == 1 else "findings"
    return ConfigError(f"{len(findings)} {noun}, nothing was changed\n\n{findings_table(findings)}")
