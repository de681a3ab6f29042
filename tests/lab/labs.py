"""What labs there are: read from the labels that the engine keeps."""

import json
from dataclasses import dataclass
from typing import Any

from tests.lab.docker import docker
from tests.lab.spec import DEFAULT_LAB, LABEL, Host, Lab, agreed, free_index

LAB_LABELS = (LABEL, f"{LABEL}.index", f"{LABEL}.release", f"{LABEL}.flavour")


@dataclass(frozen=True)
class Observed:
    """A container of a lab as the engine sees it."""

    host: Host
    state: str
    is_cut: bool


def existing_labs() -> dict[str, Lab]:
    """Return the labs that have a network, by name."""
    # In one command: between a list and an inspection another test's lab may go, and be looked for in vain.
    columns = "\t".join(f'{{{{.Label "{key}"}}}}' for key in LAB_LABELS)
    listed = docker("network", "ls", "--filter", f"label={LABEL}", "--format", columns)
    labs = (_lab_of(*line.split("\t")) for line in listed.splitlines())
    return {lab.name: lab for lab in labs}


def find_lab(
    name: str = DEFAULT_LAB,
    *,
    index: int | None = None,
    release: str | None = None,
    flavour: str | None = None,
) -> Lab:
    """Return the lab of that name: the existing one, or one that may be made."""
    labs = existing_labs()
    if name in labs:
        return agreed(labs[name], index=index, release=release, flavour=flavour)
    if index is None:
        index = free_index(name, {lab.name: lab.index for lab in labs.values()})
    return Lab(name, index, release or "trixie", flavour or "packaged")


def labels(lab: Lab) -> list[str]:
    """Return the docker options that put down what a lab is."""
    values = (lab.name, lab.index, lab.release, lab.flavour)
    return [f"--label={key}={value}" for key, value in zip(LAB_LABELS, values, strict=True)]


def host_labels(host: Host) -> list[str]:
    """Return the docker options that put down what a host is: enough to heal its network."""
    pairs = {"host": host.short_name, "address4": host.address4, "address6": host.address6}
    own = [f"--label={LABEL}.{key}={value}" for key, value in pairs.items()]
    return labels(host.lab) + own


def observe(lab: Lab) -> dict[str, Observed]:
    """Return the containers of a lab by short name, in the order of their addresses."""
    ids = container_ids(lab)
    if not ids:
        return {}
    seen = [_observed(lab, found) for found in json.loads(docker("inspect", *ids))]
    return {one.host.short_name: one for one in sorted(seen, key=lambda one: one.host.octet)}


def container_ids(lab: Lab) -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}={lab.name}").split()


def network_ids(lab: Lab) -> list[str]:
    return docker("network", "ls", "--quiet", "--filter", f"label={LABEL}={lab.name}").split()


def _lab_of(name: str, index: str, release: str, flavour: str) -> Lab:
    return Lab(name, int(index), release, flavour)


def _observed(lab: Lab, found: dict[str, Any]) -> Observed:
    return Observed(
        host=lab.host(found["Config"]["Labels"][f"{LABEL}.host"]),
        state=found["State"]["Status"],
        is_cut=not found["NetworkSettings"]["Networks"],
    )
