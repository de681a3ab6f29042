"""What is wrong with synchronous replication: fewer standbys than the mode in force wants."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.verdicts.health import is_synchronous, synchronous_standbys


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """By the configuration in force, which need not be the declared one."""
    seen = overview.patroni
    if seen is None or seen["leader"] is None or not is_synchronous(seen):
        return
    config, standbys, name = seen["config"] or {}, synchronous_standbys(seen), overview.cluster.name
    wanted = int(config.get("synchronous_node_count") or 1)
    if not standbys and config.get("synchronous_mode_strict"):
        yield check_finding(
            "writes-wait", name, f"no standby of {seen['leader']} is synchronous, and the mode is strict"
        )
    elif not standbys:
        yield check_finding("no-synchronous", name, f"no standby of {seen['leader']} is synchronous")
    elif len(standbys) < wanted:
        problem = f"{', '.join(standbys)} synchronous, {wanted} declared"
        yield check_finding("few-synchronous", name, problem)


def mode_words(overview: Overview) -> str:
    """The mode in force and who is synchronous, as the screen has it; empty for asynchronous replication."""
    seen = overview.patroni
    if seen is None or not is_synchronous(seen):
        return ""
    config, standbys = seen["config"] or {}, synchronous_standbys(seen)
    mode = "quorum" if config.get("synchronous_mode") == "quorum" else "synchronous"
    strict = ", strict" if config.get("synchronous_mode_strict") else ""
    count = config.get("synchronous_node_count") or 1
    who = f"{count} of {', '.join(standbys)}" if mode == "quorum" else ", ".join(standbys)
    return f"{mode}{strict}: a commit waits for {who if standbys else 'NO STANDBY: NONE IS ELIGIBLE'}"
