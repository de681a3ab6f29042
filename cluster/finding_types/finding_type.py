"""What a type of finding consists of, and how severe one can be."""

from __future__ import annotations

from dataclasses import dataclass

# In the order of gravity. Only the first two make a check fail.
ALARM, WARNING, REMARK = "alarm", "warning", "remark"
SEVERITIES = (ALARM, WARNING, REMARK)

RUN = "pyinfra inventory.py deploys"
# Without its configuration named it finds no cluster.
PATRONICTL = "patronictl -c /etc/patroni/config.yml"


@dataclass(frozen=True)
class FindingType:
    """
    One kind of finding.

    + what, meaning: the part of the cluster, and a line for the page
    + cure: a sentence with the command that fixes it; words in braces are filled in
    """

    severity: str
    what: str
    meaning: str
    cure: str
