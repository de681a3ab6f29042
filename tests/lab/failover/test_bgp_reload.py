"""
What a run loads into an FRR that announces: sessions and routes that did not change stay, the host becomes no router,
no password is seen, and a load that failed is made up for. And what check.py says of a router that is set up otherwise.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import router
from tests.lab.vocabulary.backups import findings
from tests.lab.vocabulary.runs import Run, Site, assert_changes_nothing, run, site, write_inventory
from tests.lab.vocabulary.waiting import wait_until

ASN = 65010
FIRST, SECOND = "first-of-the-lab", "second-of-the-lab"
FORWARDING = "sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding"
BY_LOAD = {"Cease/BFD Down"}  # a machine so busy that a host is silent for 0.9 s
LOADER = "/usr/lib/frr/frr-reload.py"


@dataclass(frozen=True)
class Place(Site):
    """One member with its router, which is in no inventory."""

    directory: Path

    @property
    def member(self) -> Host:
        return self.lab.host("pg1")

    @property
    def router(self) -> Host:
        return self.lab.host("haproxy1")

    def address(self, number: int) -> str:
        return f"10.99.{self.lab.index}.{number}"

    def on(self, command: str) -> str:
        return run_in(self.member.container, command)

    def declare(self, password: str = FIRST, **other: object) -> None:
        file = self.directory / "password"
        file.write_text(password)
        file.chmod(0o600)
        given = {
            "vip_mode": "bgp",
            "vip_write": [self.address(1), f"fd99:{self.lab.index:x}::1"],
            "bgp_asn": ASN,
            "bgp_neighbors": {self.router.address4: router.ASN, self.router.address6: router.ASN},
            "bgp_password_file": str(file),
        }
        write_inventory(self.lab, self.directory, ("pg1",), **{**given, **other})

    def apply(self, password: str = FIRST, **other: object) -> Run:
        self.declare(password, **other)
        return run(self.inventory)

    def path(self) -> dict[str, object]:
        """What the router knows of the way to the address."""
        shown = run_in(self.router.container, f"vtysh -c 'show bgp ipv4 unicast {self.address(1)} json'")
        paths = json.loads(shown or "{}").get("paths", [])
        return paths[0] if paths else {}

    def wait_until_announced(self) -> None:
        for address in (self.address(1), f"fd99:{self.lab.index:x}::1"):
            there = (self.member.address6 if ":" in address else self.member.address4,)
            wait_until(
                f"{address} is announced",
                lambda one=address, who=there: router.announcers(self.router, one) == set(who),
                seconds=60,
            )

    def ends(self) -> dict[str, str]:
        """Why the last session with a router ended, by its address; those that never had an end are left out."""
        shown = json.loads(self.on("vtysh -c 'show bgp neighbors json'"))
        seen = {name: one for name, one in shown.items() if isinstance(one, dict) and one.get("connectionsDropped")}
        return {name: str(one.get("lastNotificationReason", one["lastResetDueTo"])) for name, one in seen.items()}

    def processes(self) -> list[str]:
        return self.on("pidof zebra bgpd").split()


@pytest.fixture(scope="module", params=["trixie", "bookworm"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Once with FRR 10, and once with FRR 8."""
    directory = tmp_path_factory.mktemp("t-bgpr")
    with site("t-bgpr", directory, hosts=("pg1", "haproxy1"), release=request.param) as bare:
        found = Place(bare.lab, bare.inventory, directory)
        # As on a host of its own, where FRR may change what the kernel does; Docker lets its containers forward.
        found.on("mount -o remount,rw /proc/sys && sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
        router.set_up(found.router, [found.member], ASN, FIRST)
        yield found


def test_the_first_run_announces(place: Place) -> None:
    place.apply()
    place.wait_until_announced()
    assert place.on(FORWARDING).split() == ["0", "0"]
    place.on("vtysh -c 'configure terminal' -c 'ip forwarding' -c 'ipv6 forwarding'")
    assert place.on(FORWARDING).split() == ["0", "0"], "FRR may not change the kernel"


def test_a_changed_community_and_a_further_address_keep_the_session_and_the_route(place: Place) -> None:
    processes = place.processes()
    done = place.apply(bgp_communities=["65010:7", "4200000000:1:2"], vip_read=[place.address(2)])
    print(f"loaded in a run of {done.seconds:.1f} s")
    for one in ("65010:7", "4200000000:1:2"):
        wait_until(f"{one} is seen", lambda word=one: word in json.dumps(place.path()), seconds=30)
    assert place.processes() == processes
    assert set(place.ends().values()) <= BY_LOAD
    allowed = place.on("vtysh -c 'show running-config' | grep '^ip prefix-list'")
    assert f"{place.address(1)}/32" in allowed and f"{place.address(2)}/32" in allowed
    place.apply()
    wait_until("the community is gone", lambda: "65010:7" not in json.dumps(place.path()), seconds=30)
    assert set(place.ends().values()) <= BY_LOAD
    assert place.on(FORWARDING).split() == ["0", "0"], "a host with a database became a router"


def test_another_password_is_loaded_and_seen_nowhere(place: Place) -> None:
    processes = place.processes()
    router.set_up(place.router, [place.member], ASN, SECOND)
    place.declare(SECOND)
    look = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.05"
    watch = f"rm -f /root/enough; while [ ! -e /root/enough ]; do {look}; done"
    seen = f"({watch}) > /root/arguments 2>/dev/null"
    watcher = subprocess.Popen(["docker", "exec", place.member.container, "sh", "-c", seen])
    done = run(place.inventory)
    place.wait_until_announced()
    place.on("touch /root/enough")
    assert watcher.wait(timeout=30) == 0
    assert place.processes() == processes, "it was loaded, FRR was not started again"
    assert "frr-reload" in place.on("cat /root/arguments")
    for secret in (FIRST, SECOND):
        assert secret not in done.log
        found = f"grep -rlF {secret} /root/arguments /var/log /run/frr /run/log || true"
        assert place.on(found) == "" and secret not in place.on("journalctl --no-pager")
    assert place.on(FORWARDING).split() == ["0", "0"]
    assert_changes_nothing(place.inventory)


def test_a_load_that_failed_is_named_and_made_up_for(place: Place) -> None:
    place.on(f"mv {LOADER} /root/loader && printf '#!/bin/sh\\necho no room; exit 1\\n' > {LOADER}; chmod 755 {LOADER}")
    place.declare(SECOND, bgp_communities=["65010:8"])
    done = run(place.inventory, check=False)
    place.on(f"mv /root/loader {LOADER}")
    assert done.code == 1 and "no room" in done.log
    run(place.inventory)
    wait_until("it is loaded", lambda: "65010:8" in json.dumps(place.path()), seconds=30)
    assert_changes_nothing(place.inventory)


def test_a_router_without_bfd_is_named(place: Place) -> None:
    neighbor = f"neighbor {place.member.address4} bfd"
    words = ("configure terminal", f"router bgp {router.ASN}", f"no {neighbor}")
    run_in(place.router.container, "vtysh " + " ".join(f"-c '{word}'" for word in words))

    kind, words = "bgp-session", f"with {place.router.address4} (AS {router.ASN}) is Idle: BFD with it is not up"
    if place.lab.release == "bookworm":
        kind, words = "bgp-bfd", f"BFD with {place.router.address4} is down"
    wait_until("it is named", lambda: words in findings(place).get(kind, ""), seconds=60)
    # FRR 10 waits for BFD, FRR 8 goes on without.
    goes_on = kind == "bgp-bfd"
    wait_until("the route is there, or not", lambda: bool(place.path()) == goes_on, seconds=30)
    router.set_up(place.router, [place.member], ASN, SECOND)
    place.wait_until_announced()


def test_an_address_that_is_not_announced_is_named_and_the_cure_works(place: Place) -> None:
    allowed = f"ip prefix-list ADDRESSES permit {place.address(1)}/32"
    place.on(f"vtysh -c 'configure terminal' -c 'no {allowed}'")
    words = f"has {place.address(1)}, and did not announce it to {place.router.address4}"
    wait_until("it is named", lambda: findings(place).get("bgp-unannounced") == words, seconds=60)
    place.on("systemctl restart frr")
    place.wait_until_announced()
    wait_until("BFD is up again", lambda: not {"bgp-unannounced", "bgp-bfd"} & set(findings(place)), seconds=60)


def test_another_number_of_the_autonomous_system_is_named(place: Place) -> None:
    router.set_up(place.router, [place.member], ASN + 1, SECOND)
    wait_until("it is named", lambda: "Bad Peer AS" in findings(place).get("bgp-session", ""), seconds=60)
    router.set_up(place.router, [place.member], ASN, SECOND)
    place.wait_until_announced()


def test_a_destroyed_member_announces_nothing_and_keeps_no_file(place: Place) -> None:
    run(place.inventory, "deploys/destroy.py", "--data", f"confirm={place.lab.name}", "--data", "wipe=true")
    wait_until("no route is left", lambda: not router.announced(place.router), seconds=30)
    left = "ls -d /etc/frr/frr.conf /etc/frr/daemons /usr/local/bin/bgp-reload /etc/systemd/system/frr.service.d"
    assert place.on(f"{left} 2>/dev/null || true") == ""
    assert place.on("systemctl is-active frr; systemctl is-enabled frr; true").split() == ["inactive", "disabled"]
