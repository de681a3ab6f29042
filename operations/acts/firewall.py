"""Load the rules of a firewall on trial, keep them, and take all of it away. Each is one remote command."""

from __future__ import annotations

from shlex import quote

from pyinfra.api import StringCommand

from cluster.components.firewall.rules import GUARD, NFT, RULES, TABLE, TRIAL, UNIT, UNIT_FILE
from operations.acts.commands import remove_paths
from operations.util.journal import described

# The host takes the rules back before a minute is over; to prove them takes seconds.
TRIAL_SECONDS = 55

# What is on disk was proven once: a host that boots during a trial loads that.
_BACK = f"if [ -e {RULES} ]; then {NFT} -f {RULES}; else {NFT} delete table {TABLE}; fi"
_END = f"systemctl stop {GUARD}.timer 2>/dev/null; systemctl reset-failed {GUARD}.service {GUARD}.timer 2>/dev/null"


def load_on_trial() -> StringCommand:
    """Load the rules in ``TRIAL``, which the host takes back by itself unless ``end_trial`` comes in time."""
    # Those of a run that died are taken back first: from here on its timer is not there to do it.
    former = f"if systemctl is-active --quiet {GUARD}.timer; then {_BACK}; fi; {_END}"
    timer = f"--on-active={TRIAL_SECONDS} --timer-property=AccuracySec=100ms"
    guard = f"systemd-run --quiet --unit={GUARD} {timer} /bin/sh -c {quote(f'{_BACK}; rm -f {TRIAL}')}"
    return described(StringCommand(f"{former}; {guard} && {NFT} -f {TRIAL}"), "loads the firewall's rules on trial")


def end_trial() -> StringCommand:
    """Nothing is taken back any more."""
    return described(StringCommand(f"{_END}; rm -f {TRIAL}"), "keeps the firewall's rules")


def remove_firewall(shells: tuple[str, ...]) -> StringCommand:
    """The unit, the table and the files. + shells: directories that go, too, when nothing is left in them"""
    stop = f"{_END}; systemctl disable --now --quiet {UNIT} 2>/dev/null"
    # The unit's stop has deleted the table, if it ran.
    gone = f"! {NFT} list table {TABLE} >/dev/null 2>&1 || {NFT} delete table {TABLE} || exit 1"
    return described(
        StringCommand(f"{stop}; {gone}; {remove_paths((UNIT_FILE, RULES, TRIAL), shells)}"), "removes the firewall"
    )
