"""Packages: their source, their installation without starting services, and their holds."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.findings import Finding, findings_table
from cluster.packages.files import signing_key, source_uri
from cluster.packages.findings import offer_findings, version_findings
from cluster.packages.plan import PackagesPlan, held_packages, packages_plan, packages_question
from facts.packages import POLICY, POLICY_MARK, HostPackages
from operations.acts.component import Commands, written
from operations.util.first_look import looks_again
from operations.util.journal import described
from operations.util.said import said

LOCK_SECONDS = 120  # Debian's own timers read the lists and upgrade at boot, just when a new host is set up
LOG_LINES = 20

_APT_GET = f"apt-get -q -o DPkg::Lock::Timeout={LOCK_SECONDS}"
_UPDATE = f"{_APT_GET} -o Acquire::Retries=3 update"
# --no-remove: nothing that the host has is worth less than what it gets. --fix-broken: a run may have died before.
_INSTALL = (
    f"{_APT_GET} -y --no-install-recommends --no-remove --fix-broken -o Acquire::Retries=3 "
    "-o Dpkg::Options::=--force-confold"
)

# What apt prints is long and its reason is at the end; what the reason means for this project is not in it at all.
_QUIETLY = f"""
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
log=$(mktemp)
clean() {{ rm -f "$log"; }}
trap 'clean' EXIT
trap 'exit 129' HUP INT TERM
failed() {{
  tail -n {LOG_LINES} "$log" >&2
  hint=
  if grep -qE 'not signed|NO_PUBKEY|GPG error|OpenPGP' "$log"; then
    hint='the key that signs the package source is not the one that is declared; see packages_mirror_key.'
  elif grep -q 'Conflicting values set for option Signed-By' "$log"; then
    hint='another file in /etc/apt/sources.list.d names the same repository with another key; remove it there.'
  elif grep -qE 'Could not get lock|Unable to acquire|Unable to lock' "$log"; then
    hint='another apt runs on this host for more than {LOCK_SECONDS} s; run this again when it is done.'
  elif grep -qE 'Failed to fetch|Could not resolve|Could not connect|Unable to connect' "$log"; then
    hint='the host does not reach its package source; see packages_source, and apt proxy settings on the host.'
  elif grep -qE 'Unable to locate package|has no installation candidate|was not found' "$log"; then
    hint='none of the host package sources has it; see packages_source and packages_versions.'
  elif grep -q 'remove is disabled' "$log"; then
    hint='other packages on this host would have to go; remove or upgrade them first.'
  fi
  [ -z "$hint" ] || echo "HINT: $hint" >&2
  exit 1
}}
"""

# The lock of the lists, unlike dpkg's, is not waited for by apt itself. And a source that is not reached is to apt no
# more than a warning; with the other sources' packages it would then install something else than what is declared.
_UPDATE_SCRIPT = f"""
end=$(( $(date +%s) + {LOCK_SECONDS} ))
until {_UPDATE} > "$log" 2>&1; do
  grep -q 'Could not get lock' "$log" && [ "$(date +%s)" -lt "$end" ] || failed
  sleep 1
done
[ -z "$source" ] || ! grep -qF "Failed to fetch $source" "$log" || failed
"""

# A policy of the administrator's stays as it is; then a service may start, and is stopped again below.
_POLICY_SCRIPT = f"""
if [ ! -e {POLICY} ] || grep -q {quote(POLICY_MARK)} {POLICY}; then
  clean() {{ rm -f "$log" {POLICY}; }}
  printf '#!/bin/sh\\n# %s\\nexit 101\\n' {quote(POLICY_MARK)} > {POLICY} && chmod 755 {POLICY} || exit 1
fi
"""

_IDLE_SCRIPT = """
idle=
for unit in {units}; do
  case $(systemctl is-active "$unit") in inactive|failed|unknown) idle="$idle $unit" ;; esac
done
"""

# apt waits for dpkg's lock and then says whether a run died; dpkg itself would not wait.
_INSTALL_SCRIPT = """
attempt() {{ {install} > "$log" 2>&1; }}
repair() {{ grep -q 'dpkg was interrupted' "$log" && dpkg --force-confold --configure -a > "$log" 2>&1; }}
attempt || {{ repair && attempt; }} || failed
[ -z "$idle" ] || systemctl disable --quiet --now $idle
"""


@operation()
@looks_again
def installed(cluster: Cluster) -> Commands:
    """
    Install what the host's roles need, start nothing by it, and hold it at its version.

    An installed package is left at its version unless ``packages_versions`` names another. Nothing is removed, and
    nothing that runs is restarted: a service goes on with the version that it was started with. Refused: versions
    that the source does not have, downgrades, a second entry for the same repository.

    + cluster: as declared; called on every host
    """
    node = cluster.node(host.name)
    seen = said(HostPackages, **packages_question(cluster, node))
    _refuse(version_findings(cluster, {node.name: seen}))
    plan = packages_plan(cluster, node, seen, signing_key(cluster))
    if plan.is_done:
        host.noop("packages are installed and held as declared")
        return
    yield from _prepared(plan, source_uri(cluster) or "")
    if plan.install:
        _refuse(_not_offered(cluster, node))
    if plan.install or plan.tidy:
        yield install(plan)
    yield from _holds(plan)


def release_holds(cluster: Cluster, node: Node) -> Commands:
    """Packages of a host that is no part of the cluster any more: they stay, as the administrator's."""
    seen = host.get_fact(HostPackages, **packages_question(cluster, node))
    held = [name for name in held_packages(cluster, node) if seen["packages"].get(name, {}).get("held")]
    if held:
        yield StringCommand(f"apt-mark unhold {_quoted(held)}")
    if seen["masked"]:
        yield StringCommand("systemctl unmask --quiet postgresql.service")


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise UnsafeError(f"packages cannot be installed as declared\n\n{findings_table(findings)}")


def _not_offered(cluster: Cluster, node: Node) -> list[Finding]:
    seen = host.get_fact(HostPackages, **packages_question(cluster, node), offered=True)
    return offer_findings(cluster, node, seen)


def _prepared(plan: PackagesPlan, source: str) -> Commands:
    if plan.gone:
        yield StringCommand(f"rm -f {_quoted(plan.gone)}")
    yield from written(plan.files)
    if plan.update:
        yield update(source)
    if plan.mask:
        yield StringCommand("systemctl mask --quiet postgresql.service")


def _holds(plan: PackagesPlan) -> Commands:
    if plan.hold:
        yield StringCommand(f"apt-mark hold {_quoted(plan.hold)}")
    if plan.unhold:
        yield StringCommand(f"apt-mark unhold {_quoted(plan.unhold)}")


def update(source: str) -> StringCommand:
    """Read the package lists again. + source: the URI that must be reached; empty: there is none of ours"""
    return StringCommand(f"{_QUIETLY}source={quote(source)}\n{_UPDATE_SCRIPT}")


def install(plan: PackagesPlan) -> StringCommand:
    """
    Install packages; what Debian would start or enable by it stays down, at the next boot too.

    Whatever an interrupted run left half done is finished first.
    """
    held = " --allow-change-held-packages" if plan.changes_held else ""
    command = f"{_INSTALL}{held} install {_quoted(plan.install)}".rstrip()
    idle = _IDLE_SCRIPT.format(units=_quoted(plan.idle_units))
    script = _QUIETLY + _POLICY_SCRIPT + idle + _INSTALL_SCRIPT.format(install=command)
    return described(StringCommand(script), f"installs {', '.join(plan.install)}")


def _quoted(words: Iterable[str]) -> str:
    return " ".join(map(quote, words))
