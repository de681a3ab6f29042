"""Up, add and down: make a lab what its specification says, and remove it again."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.lab import hosts
from tests.lab.docker import DockerError, docker
from tests.lab.engine import ensure_engine
from tests.lab.errors import LabError
from tests.lab.image import ensure_image
from tests.lab.keys import ensure_key, remember_host
from tests.lab.labs import Observed, container_ids, find_lab, labels, network_ids, observe
from tests.lab.paths import locked
from tests.lab.ports import reserve_ports
from tests.lab.spec import DEFAULT_HOSTS, Host, Lab
from tests.lab.vocabulary import faults

PARALLEL_HOSTS = 4


def reserve(name: str, **kind: Any) -> Lab:
    """
    The lab of that name, which has a network from now on: what is reserved at the same moment gets another index.

    + kind: ``release`` and ``flavour``, as ``find_lab`` takes them
    """
    ensure_engine()
    with locked():
        lab = find_lab(name, **kind)
        _make_network(lab)
    return lab


def up(lab: Lab, names: Iterable[str] = DEFAULT_HOSTS) -> None:
    """
    Create the hosts that are missing, start those that are stopped, await all of them.

    + names: short names of the hosts that shall be up; others are left as they are
    """
    wanted = lab.hosts(names)
    ensure_engine()
    reserve_ports()
    image = ensure_image(lab.release, lab.flavour)
    key = ensure_key()
    with locked():
        _make_network(lab)
    seen = observe(lab)
    with ThreadPoolExecutor(PARALLEL_HOSTS) as pool:
        list(pool.map(lambda host: _ready(host, seen.get(host.short_name), image, key), wanted))


def replace(host: Host) -> None:
    """Create a fresh host where its lab is up and has none of its name, or had one that bears another name now."""
    _ready(host, None, ensure_image(host.lab.release, host.lab.flavour), ensure_key())


def _ready(host: Host, seen: Observed | None, image: str, key: str) -> None:
    started = time.monotonic()
    _ensure_running(host, seen, image)
    hosts.admit(host, key)
    remember_host(host.ssh_port, hosts.host_key(host))
    hosts.wait_until_ready(host)
    print(f"{line(host)}  ready {time.monotonic() - started:.1f} s", flush=True)


def down(lab: Lab) -> None:
    """Remove the containers and the network of one lab; images and keys stay."""
    containers = container_ids(lab)
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    networks = network_ids(lab)
    if networks:
        docker("network", "rm", *networks)
    print(f"lab {lab.name}: {len(containers)} hosts and {len(networks)} network removed")


def _make_network(lab: Lab) -> None:
    """Unless it is there; under the lock, for an index belongs to whoever made its network."""
    if network_ids(lab):
        return
    try:
        docker(
            *("network", "create", "--driver", "bridge", "--ipv6", *labels(lab)),
            *("--subnet", str(lab.subnet4), "--subnet", str(lab.subnet6), lab.network),
        )
    except DockerError as error:
        raise LabError(
            f"network {lab.network} with {lab.subnet4} and {lab.subnet6}: {error}",
            "When another network has these addresses, choose another lab with --index.",
        ) from None


def _ensure_running(host: Host, seen: Observed | None, image: str) -> None:
    if seen is None:
        hosts.create(host, image)
        return
    if seen.state == "paused":
        docker("unpause", host.container)
    elif seen.state != "running":
        docker("start", host.container)
    if seen.is_cut:
        faults.heal(host.container)


def line(host: Host) -> str:
    """Return where a host is, in a line of a table."""
    addresses = f"{host.address4:<12} {host.address6:<14}"
    return f"{host.container:<14} {addresses} ssh 127.0.0.1:{host.ssh_port}"


def timed_up(lab: Lab, names: Iterable[str]) -> None:
    """Bring the lab up and say how long it took."""
    started = time.monotonic()
    up(lab, names)
    print(
        f"lab {lab.name} ({lab.release}, {lab.flavour}, index {lab.index}) "
        f"is up after {time.monotonic() - started:.1f} s"
    )
