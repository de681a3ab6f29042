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

from cluster.components.patroni_dynamic import SYNCHRONOUS, configuration_for
from cluster.declared.model import Cluster, Node
from cluster.declared.owned_parameters import PARAMETERS
from cluster.errors import UnsafeError, refusal
from cluster.finding_types.finding_type import PATRONICTL
from cluster.inventory.parameters import parameter_findings
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenParameter
from cluster.plans.configure import (
    changed_names,
    changes_of,
    config_patch,
    file_error,
    undeclared_parameters,
    undoing_patch,
    values_of,
)
from cluster.verdicts.standby_role import refuse_other_role
from facts.patroni import ANSWER_SECONDS, MemberResources, PatroniCluster
from facts.postgres import FileErrors, PostgresCatalog
from operations.acts.act import Act
from operations.acts.altered_settings import altered_corrected
from operations.acts.component import Commands
from operations.live.admission import hba_lines_next, hba_lines_now
from operations.live.awaited import await_active, await_hba, await_leader, await_standbys, noticed_seconds, running
from operations.live.preflight import origin_of
from operations.util.first_look import looks_again
from operations.util.hosts import acts_here, current_node, in_this_run
from operations.util.journal import described
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read, read_all
from operations.util.said import said

_SCRIPT = (Path(__file__).parent / "util" / "on_host" / "patroni_patch.py").read_text()


def patch_command(patch: Mapping[str, Any]) -> StringCommand:
    """Send a PATCH to Patroni's /config, on whichever member it is run. + patch: merged there; None removes a key"""
    command = StringCommand(f"python3 -c {quote(_SCRIPT)}", _stdin=[json.dumps(patch)])
    return described(command, f"changes {', '.join(changed_names(patch))}")


def declared_configuration(cluster: Cluster) -> dict[str, Any]:
    """The declared dynamic configuration, its derived part from what the members have now."""
    seen = read_all(cluster.members, MemberResources, directory=cluster.data_directory)
    return configuration_for(cluster, seen.values())


def wake_command() -> StringCommand:
    """Let Patroni on a member look again now, e.g. at its own file after a reload: a PATCH that changes nothing."""
    return patch_command({"pyinfra-patroni": None})


@operation()
@looks_again
def configuration(cluster: Cluster, restart_follows: bool = False) -> Commands:
    """
    Bring the dynamic configuration in etcd to what is declared, by Patroni's compare-and-set PATCH.

    Says which settings become active at once, waits until they are on every member, and names those that wait for a
    restart; nothing is restarted here. Parameters that nobody declares are left alone and named. Refuses, before
    anything is written, what the running PostgreSQL would not take.

    + restart_follows: the same run goes on with the ordered restart, so nobody has to be told of it
    """
    if not acts_here(cluster.members):
        return
    node, seen = _configured(cluster)
    if seen["config"] is None:
        if dry_run():
            yield from decide_later("the dynamic configuration")
            return
        raise UnsafeError(
            f"Patroni's configuration cannot be read: {seen['error']}\nHINT: see `{PATRONICTL} list` on it."
        )
    declared = _declared(cluster, seen, seen["config"])
    if patch := config_patch(declared, seen["config"]):
        waits = yield from _patched(cluster, declared, node, seen, patch)
        if waits and not restart_follows:
            host.log("restart in the right order with: pyinfra inventory.py deploys/restart_pending.py")
    else:
        host.noop("the dynamic configuration is as declared")
    if seen["leader"] is None and not dry_run():
        yield from _files_corrected(cluster, declared, seen)
        await_leader(cluster, node)
    _name_undeclared(declared, seen["config"])


def corrected(cluster: Cluster) -> Commands:
    """
    Send the difference of the configuration where there is no leader: it may be what PostgreSQL does not start with, so
    no leader can be waited for before. Does nothing where there is one, and where the cluster is yet to begin.
    """
    node, seen = _configured(cluster)
    if seen["config"] and seen["leader"] is None and not dry_run():
        declared = _declared(cluster, seen, seen["config"])
        if patch := config_patch(declared, seen["config"]):
            host.log("there is no leader: the configuration is corrected first")
            yield from _patched(cluster, declared, node, seen, patch)
        yield from _files_corrected(cluster, declared, seen)
        _name_undeclared(declared, seen["config"])


def _files_corrected(cluster: Cluster, declared: Mapping[str, Any], seen: SeenPatroni) -> Commands:
    """What wins over the configuration in the files of members that do not run."""
    up = running(cluster.members, seen)
    down = [node for node in in_this_run(cluster.members) if node not in up]
    yield from altered_corrected(cluster, down, declared["postgresql"]["parameters"])


def _declared(cluster: Cluster, seen: SeenPatroni, config: Mapping[str, Any]) -> dict[str, Any]:
    """What is declared, for the cluster as it is. + config: the dynamic configuration of ``seen``"""
    refuse_other_role(cluster, config)
    declared = declared_configuration(cluster)
    asked = running(in_this_run(cluster.members), seen)
    declared["postgresql"]["pg_hba"] = hba_lines_next(cluster, config, noticed_seconds(cluster), asked)
    return declared


def _name_undeclared(declared: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    if left := undeclared_parameters(declared, config):
        host.log(f"left alone, though they are not declared: {', '.join(left)}")


def _configured(cluster: Cluster) -> tuple[Node, SeenPatroni]:
    """The first Patroni that has it: of this host, else of another. In an unfinished restore only one may run."""
    own = cluster.node(current_node())
    seen: SeenPatroni = said(PatroniCluster, wait_seconds=0 if dry_run() else ANSWER_SECONDS)
    if seen["config"] is None:
        for node in (one for one in in_this_run(cluster.members) if one is not own):
            theirs: SeenPatroni | None = read([node], PatroniCluster)[node.name]
            if theirs is not None and theirs["config"] is not None:
                return node, theirs
    return own, seen


def _catalog(cluster: Cluster, node: Node, seen: SeenPatroni) -> Mapping[str, SeenParameter]:
    """What a running PostgreSQL takes; nothing where none runs. + node, seen: as ``_configured`` has them"""
    asked = running(cluster.members, seen)
    if not seen["members"] or node in asked:
        asked = [node]
    catalog: Mapping[str, SeenParameter] = {}
    if asked:
        catalog = read(asked[:1], PostgresCatalog, port=cluster.settings.postgres_port)[asked[0].name] or {}
    return catalog


@operation()
@looks_again
def allow_new_members(cluster: Cluster) -> Commands:
    """
    Let declared members into a cluster that runs before they knock: pg_hba first, then their copy. Does nothing while
    no Patroni answers, for then the cluster is yet to begin.
    """
    if not acts_here(cluster.members):
        return
    yield from allow_members(cluster)


def allow_members(cluster: Cluster) -> Commands:
    """The same on the host that acts: for procedures of which it is one step."""
    for node in in_this_run(cluster.members):
        seen: SeenPatroni | None = read([node], PatroniCluster)[node.name]
        if seen is not None and seen["config"]:
            break
    else:
        host.noop("no Patroni answers yet that would have to allow them")
        return
    # Who has no certificate yet is not asked for one before it has it.
    lines = hba_lines_now(cluster, seen["config"])
    if patch := config_patch({"postgresql": {"pg_hba": lines}}, seen["config"]):
        host.log("changes pg_hba")
        yield Act(node, patch_command(patch))
        living = [one for one in in_this_run(cluster.members) if one.name in seen["members"]]
        await_hba(cluster, living, lines)
        yield from _refuse_unread(cluster, living, patch, seen["config"])
    else:
        host.noop("every member is allowed already")


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
    old, new = values_of(patch, observed, changes)
    sent = described(patch_command(patch), f"changes {', '.join(changed_names(patch))}", old, new)
    yield sent if node.name == current_node() else Act(node, sent)
    if not catalog:
        return False
    asked = running(cluster.members, seen)
    if down := [one.name for one in cluster.members if one not in asked]:
        host.log(f"PostgreSQL of {', '.join(down)} does not run, and gets it when it starts")
    await_active(cluster, asked, seen["leader"], [change for change in changes if not change.waits], catalog)
    if "pg_hba" in patch.get("postgresql", {}):
        await_hba(cluster, in_this_run(asked), declared["postgresql"]["pg_hba"])
    yield from _refuse_unread(cluster, in_this_run(asked), patch, observed)
    if set(patch) & set(SYNCHRONOUS):
        await_standbys(cluster)
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
