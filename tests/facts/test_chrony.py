"""Who keeps a clock, as hosts of different kinds say it."""

from __future__ import annotations

import pytest

from cluster.components.chrony import is_wanted, keeper_of
from facts.chrony import HostClock


def said(may_set: int, marked: int, **services: str) -> list[str]:
    units = {
        "systemd-timesyncd": "",
        "chrony": "",
        "ntpsec": "",
        **{n.replace("_", "-"): s for n, s in services.items()},
    }
    blocks = [
        line
        for name, state in units.items()
        for line in (
            f"Id={name}.service",
            f"LoadState={'loaded' if state else 'not-found'}",
            f"ActiveState={state}",
            "",
        )
    ]
    return [f"may_set|{may_set}", f"marked|{marked}", *blocks]


@pytest.mark.parametrize(
    ("lines", "wanted", "keeper"),
    [
        (said(0, 0), False, "the machine below keeps this host's clock"),
        (said(1, 0, systemd_timesyncd="active"), False, "systemd-timesyncd keeps this host's clock"),
        (said(1, 0, chrony="active"), False, "chrony keeps this host's clock"),
        (said(1, 0, systemd_timesyncd="inactive"), False, "its clock service is down, and not ours"),
        (said(1, 0), True, None),
        # As a cluster that was destroyed leaves it.
        (said(1, 0, chrony="inactive"), True, None),
        (said(1, 1, chrony="active"), True, None),
        (said(1, 1, chrony="failed"), True, None),
        # A run that was interrupted before the package was there would have left no mark; one after it, both.
        (said(1, 1), True, None),
    ],
)
def test_chrony_is_wanted_where_nothing_else_keeps_the_clock(
    lines: list[str], wanted: bool, keeper: str | None
) -> None:
    seen = HostClock().process(lines)
    assert is_wanted(seen) is wanted
    assert wanted or keeper_of(seen) == keeper
