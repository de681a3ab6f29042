"""
A host that may set its clock and has no clock service gets chrony; it is checked, and goes with the cluster.

Containers may not set a clock, so these are given that right. No time server is reached from here: that chrony runs
with what is declared is shown, not that it finds the time.
"""

from collections.abc import Iterator

import pytest

from tests.lab import hosts
from tests.lab.docker import run_in
from tests.lab.vocabulary.backups import findings
from tests.lab.vocabulary.runs import Site, assert_changes_nothing, run, site

SETS_CLOCKS = (*hosts.SYSTEMD, "--cap-add", "SYS_TIME")
CONFIGURATION = "/etc/chrony/conf.d/pyinfra-patroni.conf"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hosts, "SYSTEMD", SETS_CLOCKS)
        with site("t-clock", tmp_path_factory.mktemp("t-clock"), hosts=("pg1",), chrony_servers=["192.0.2.1"]) as ready:
            yield ready


def on(place: Site, command: str) -> str:
    return run_in(place.lab.host("pg1").container, command)


def test_a_host_without_a_clock_service_gets_chrony(place: Site) -> None:
    assert "inactive" in on(place, "systemctl is-active systemd-timesyncd chrony || true")
    built = run(place.inventory)
    print(f"one host, with chrony, in {built.seconds:.1f} s")
    assert on(place, "systemctl is-active chrony && systemctl is-enabled chrony").split() == ["active", "enabled"]
    assert "192.0.2.1" in on(place, "chronyc -n sources")


def test_a_second_run_changes_nothing(place: Site) -> None:
    started = on(place, "systemctl show -P ExecMainStartTimestampMonotonic chrony")
    assert_changes_nothing(place.inventory)
    assert on(place, "systemctl show -P ExecMainStartTimestampMonotonic chrony") == started


def test_a_clock_that_nothing_keeps_is_found_and_kept_again(place: Site) -> None:
    on(place, "systemctl stop chrony")
    assert findings(place)["clock-unkept"] == "chrony is installed and does not run"
    run(place.inventory)
    assert on(place, "systemctl is-active chrony") == "active"


def test_it_goes_with_the_cluster(place: Site) -> None:
    run(place.inventory, "deploys/destroy.py", "--data", f"confirm={place.lab.name}", "--data", "wipe=true")
    assert on(place, "systemctl is-active chrony || true") == "inactive"
    assert on(place, f"test -e {CONFIGURATION} || echo gone") == "gone"


def test_a_clock_service_of_the_administrator_s_is_left_alone(place: Site) -> None:
    on(place, "systemctl enable --now --quiet chrony")
    run(place.inventory)
    assert on(place, f"test -e {CONFIGURATION} || echo none") == "none"
    run(place.inventory, "deploys/destroy.py", "--data", f"confirm={place.lab.name}", "--data", "wipe=true")
    assert on(place, "systemctl is-active chrony") == "active", "it was not ours"
