"""The dynamic configuration that all members share: brought to what is declared, and judged before it is written."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from cluster.errors import UnsafeError, refusal
from cluster.health import synchronous_standbys
from cluster.model import Cluster, Node
from cluster.observed import SeenParameter, SeenPatroni
from cluster.parameters_findings import PARAMETERS, parameter_findings
from cluster.plan_config import (
    Change,
    changed_names,
    changes_of,
    config_patch,
    file_error,
    undeclared_parameters,
    undoing_patch,
)
from cluster.plan_standby import refuse_other_role
from cluster.render_patroni_dynamic import SYNCHRONOUS, configuration_for
from cluster.replication_findings import may_become_synchronous
from facts.patroni import ANSWER_SECONDS, MemberResources, PatroniCluster
from facts.postgres import FileErrors, HbaAwaited, PostgresCatalog, SettingsAwaited, hba_digest
from operations.patroni_admission import hba_lines_next, hba_lines_now
from operations.preflight import origin_of
from operations.util.act import Act
from operations.util.component import Commands
from operations.util.remote import acts_for, here, in_this_run, read, read_all
from operations.util.stage import planning, undecided

# Beyond two of Patroni's looks at the configuration: on a busy host each takes a moment.
ACTIVE_SECONDS = 10
# A leader and its only standby.
PAIR = 2
_SCRIPT = (Path(__file__).parent / "util" / "on_host" / "patroni_patch.py").read_text()


def patch_command(patch: Mapping[str, Any]) -> StringCommand:
    """Send a PATCH to Patroni's /config, on whichever member it is run. + patch: merged there; None removes a key"""
    return StringCommand(f"python3 -c {quote(_SCRIPT)}", _stdin=[json.dumps(patch)])


def declared_configuration(cluster: Cluster) -> dict[str, Any]:
    """The declared dynamic configuration, its derived part from what the members have now."""
    seen = read_all(cluster.members, MemberResources, directory=cluster.data_directory)
    return configuration_for(cluster, seen.values())


def wake_command() -> StringCommand:
    """
    Let Patroni on a member look again now and not only at the end of its ``loop_wait``, e.g. at its own file after a
    reload: a PATCH that changes nothing does that.
    """
    return patch_command({"pyinfra-patroni": None})


@operation()
def configuration(cluster: Cluster, restart_follows: bool = False) -> Commands:
    """
    Bring the dynamic configuration in etcd to what is declared, by Patroni's compare-and-set PATCH.

    Says which settings become active at once, waits until they are on every member, and names those that wait for a
    restart; nothing is restarted here. Parameters that nobody declares are left alone and named. Refuses, before
    anything is written, what the running PostgreSQL would not take.

    + restart_follows: the same run goes on with the ordered restart, so nobody has to be told of it
    """
    if not acts_for(cluster.members):
        host.noop("another host looks after the configuration")
        return
    node, seen = _configured(cluster)
    if seen["config"] is None:
        if planning():
            yield from undecided("the dynamic configuration")
            return
        raise UnsafeError(f"Patroni's configuration cannot be read: {seen['error']}\nHINT: run 'patronictl list'.")
    refuse_other_role(cluster, seen["config"])
    declared = declared_configuration(cluster)
    declared["postgresql"]["pg_hba"] = hba_lines_next(cluster, seen["config"], noticed_seconds(cluster))
    patch = config_patch(declared, seen["config"])
    if patch:
        waits = yield from _patched(cluster, declared, node, seen, patch)
        if waits and not restart_follows:
            host.log("restart in the right order with: pyinfra inventory.py deploys/restart_pending.py")
    else:
        host.noop("the dynamic configuration is as declared")
    if left := undeclared_parameters(declared, seen["config"]):
        host.log(f"left alone, though nobody declares them: {', '.join(left)}")


def _configured(cluster: Cluster) -> tuple[Node, SeenPatroni]:
    """
    The first Patroni that has the configuration: of the host at hand, else of another member. In an unfinished restore
    only one may run.
    """
    own = cluster.node(here())
    seen: SeenPatroni = host.get_fact(PatroniCluster, wait_seconds=0 if planning() else ANSWER_SECONDS)
    if seen["config"] is None:
        for node in (one for one in in_this_run(cluster.members) if one is not own):
            said: SeenPatroni | None = read([node], PatroniCluster)[node.name]
            if said is not None and said["config"] is not None:
                return node, said
    return own, seen


def _catalog(cluster: Cluster, node: Node, seen: SeenPatroni) -> Mapping[str, SeenParameter]:
    """What a running PostgreSQL takes; nothing where none runs. + node, seen: as ``_configured`` has them"""
    running = [one for one in cluster.members if (seen["members"].get(one.name) or {"running": False})["running"]]
    if not seen["members"] or node in running:
        running = [node]
    catalog: Mapping[str, SeenParameter] = {}
    if running:
        catalog = read(running[:1], PostgresCatalog, port=cluster.settings.postgres_port)[running[0].name] or {}
    return catalog


@operation()
def admitted(cluster: Cluster) -> Commands:
    """
    Let declared members into a cluster that runs before they knock: pg_hba first, then their copy. Does nothing while
    no Patroni answers, for then the cluster is yet to begin.
    """
    if not acts_for(cluster.members):
        host.noop("another host does it")
        return
    yield from let_in(cluster)


def let_in(cluster: Cluster) -> Commands:
    """The same on the host that acts: for procedures of which it is one step."""
    # The first members are asked most by others.
    for node in reversed(in_this_run(cluster.members)):
        seen: SeenPatroni | None = read([node], PatroniCluster)[node.name]
        if seen is not None and seen["config"]:
            break
    else:
        host.noop("no Patroni answers that could let anybody in")
        return
    # Who has no certificate yet is not asked for one before it has it.
    lines = hba_lines_now(cluster, seen["config"])
    if patch := config_patch({"postgresql": {"pg_hba": lines}}, seen["config"]):
        host.log("changes pg_hba")
        yield Act(node, patch_command(patch))
        living = [one for one in in_this_run(cluster.members) if one.name in seen["members"]]
        _await_hba(cluster, living, lines)
        yield from _refuse_unread(cluster, living, patch, seen["config"])
    else:
        host.noop("everybody is let in")


def _patched(
    cluster: Cluster, declared: Mapping[str, Any], node: Node, seen: SeenPatroni, patch: Mapping[str, Any]
) -> Generator[PyinfraCommand, None, bool]:
    """Judge, say and send the difference, to the Patroni of a member. Returns whether any of it waits for a restart."""
    catalog, observed = _catalog(cluster, node, seen), seen["config"] or {}
    parameters = declared["postgresql"]["parameters"]
    if not catalog:
        host.log("no PostgreSQL runs that could judge it: it starts with this, or says why not")
    elif findings := parameter_findings(parameters, catalog, len(cluster.members), origin_of(PARAMETERS)):
        raise refusal(findings)
    host.log(f"changes {', '.join(changed_names(patch))}")
    changes = changes_of(patch, observed, catalog)
    for change in changes:
        host.log(f"{change} {'after a restart of PostgreSQL' if change.waits else 'at once'}")
    yield patch_command(patch) if node.name == here() else Act(node, patch_command(patch))
    if not catalog:
        return False
    _await_active(cluster, [change for change in changes if not change.waits], catalog)
    if "pg_hba" in patch.get("postgresql", {}):
        _await_hba(cluster, in_this_run(cluster.members), declared["postgresql"]["pg_hba"])
    yield from _refuse_unread(cluster, in_this_run(cluster.members), patch, observed)
    if set(patch) & set(SYNCHRONOUS):
        _await_standbys(cluster)
    return any(change.waits for change in changes)


def _refuse_unread(
    cluster: Cluster, members: Sequence[Node], patch: Mapping[str, Any], observed: Mapping[str, Any]
) -> Commands:
    """
    Ask every member whether its PostgreSQL takes what is in its files now; it would not start with the rest. What this
    run has sent of it is taken back.

    + patch, observed: what was sent, and the configuration before it
    """
    seen = read(members, FileErrors, port=cluster.settings.postgres_port)
    errors = {name: found for name, found in seen.items() if found}
    if not errors:
        return
    undone = undoing_patch(patch, observed, [one for found in errors.values() for one in found])
    if undone:
        yield Act(members[-1], patch_command(undone))
    listed = "".join(f"\n  {name}: {file_error(one)}" for name, found in errors.items() for one in found)
    way = "correct what is declared" if undone else "correct the file on that host"
    back = f"; the old {', '.join(changed_names(undone))} is back in the configuration" if undone else ""
    raise UnsafeError(
        f"PostgreSQL would not start with what is in its files now:{listed}\n"
        f"HINT: {way} and run again{back}; restart nothing before."
    )


def _await_standbys(cluster: Cluster) -> None:
    """Wait until commits wait for whom they shall, and say who that is."""
    mode, seconds = cluster.settings.patroni_synchronous_mode, noticed_seconds(cluster)
    seen = host.get_fact(PatroniCluster, wait_seconds=seconds, synchronous=mode != "off")
    names = ", ".join(synchronous_standbys(seen))
    if mode == "off":
        host.log(f"{names} still synchronous" if names else "commits wait for no standby")
    else:
        host.log(f"synchronous: {names}" if names else f"no standby is synchronous after {seconds} s; see check.py")
    if cluster.settings.patroni_synchronous_mode_strict and len(may_become_synchronous(cluster)) == PAIR:
        host.log("strict, with one standby that may be synchronous: while it is away or restarts, all writes wait")


def noticed_seconds(cluster: Cluster) -> int:
    """How long every Patroni needs at most to see a change and to act on it. + cluster: as declared"""
    return 2 * cluster.settings.patroni_loop_wait + ACTIVE_SECONDS


def _await_hba(cluster: Cluster, members: Sequence[Node], lines: Sequence[str]) -> None:
    """Wait until members have these lines, and no longer those of a host that was taken out; name others."""
    digest = hba_digest(lines)
    question = {"directory": cluster.data_directory, "digest": digest, "wait_seconds": noticed_seconds(cluster)}
    for name, has in read(members, HbaAwaited, **question).items():
        if has != digest:
            host.log(f"{name} {'cannot be reached' if has is None else 'does not have the new pg_hba yet'}")


def _await_active(cluster: Cluster, changes: list[Change], catalog: Mapping[str, SeenParameter]) -> None:
    """Wait until every member runs with the settings that need no restart; name where one does not."""
    wanted = {change.name: change.setting(catalog) for change in changes if change.new is not None}
    question = {"port": cluster.settings.postgres_port, "wanted": wanted, "wait_seconds": noticed_seconds(cluster)}
    for name, missing in (read(cluster.members, SettingsAwaited, **question) if wanted else {}).items():
        if missing is None or missing:
            what = "cannot be reached" if missing is None else f"does not have {', '.join(missing)} yet"
            host.log(f"{name} {what}; something there may override the configuration")
