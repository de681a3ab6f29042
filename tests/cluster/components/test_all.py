"""What is declared of a component is done with it everywhere: a test for each field takes the place of remembering."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pytest

from cluster.components.all import (
    COMPONENTS,
    FINDINGS,
    SERVICES,
    certificate_places,
    components_on,
    emptied_directories,
    enabled_units,
    foreign_paths,
    held_places,
    listeners,
    own_units,
    owned_paths,
    units_of,
)
from cluster.components.component_type import PHASES, ComponentType
from cluster.declared.model import ROLES, Cluster, Node
from cluster.packages.files import NEEDRESTART, host_files
from cluster.packages.plan import held_packages, wanted_packages
from cluster.plans.destroy import traces_on
from cluster.preflight.ports import needed_ports, tls_ports
from cluster.secrets.secrets import NAMES
from cluster.settings.settings import COMPONENTS as PARTS
from cluster.settings.settings import PREFIXES, UNPREFIXED, Settings
from tests.golden.examples import EXAMPLES, ROOT, SECRETS, example, with_firewall, with_pools
from tests.inventories import clusters_of

STANDBY = clusters_of(ROOT / "inventories" / "standby_cluster.py").values()
CLUSTERS = [
    *map(example, EXAMPLES),
    *STANDBY,
    with_firewall("dedicated"),
    with_pools("dedicated"),
    with_pools("routed"),
]
HOSTS = [(cluster, node) for cluster in CLUSTERS for node in cluster]
hosts = pytest.mark.parametrize(("cluster", "node"), HOSTS, ids=lambda one: one.name)
components = pytest.mark.parametrize("component", COMPONENTS, ids=lambda one: one.name)


def where(component: ComponentType) -> Iterator[tuple[Cluster, Node]]:
    return ((cluster, node) for cluster, node in HOSTS if component.on(cluster, node))


@components
def test_every_component_is_somewhere_in_the_examples(component: ComponentType) -> None:
    assert next(where(component), None) is not None


def test_names_are_told_apart_and_found_again() -> None:
    names = [one.name for one in COMPONENTS]
    assert len(set(names)) == len(names)
    for layer in ("cluster/components", "operations", "facts"):
        stems = {word for path in (ROOT / layer).rglob("*.py") for word in (path.stem, path.parent.name)}
        stems |= {path.stem for path in (ROOT / "operations" / "runs").glob("*.py")} if layer == "operations" else set()
        # Those of monitoring are one in the layers above: see operations/monitoring.py.
        serving = {path.stem for path in (ROOT / "cluster" / "components" / "monitoring").glob("*.py")}
        assert {"monitoring" if name in serving else name.split("_")[0] for name in names} <= stems, layer


@components
def test_what_a_component_needs_is_installed_and_held(component: ComponentType) -> None:
    for cluster, node in where(component):
        wanted = set(component.packages(cluster, node))
        assert wanted <= set(wanted_packages(cluster, node))
        held = {package for package in wanted if package.startswith(component.held or ("-",))}
        assert held <= set(held_packages(cluster, node))


@components
def test_a_unit_of_debian_s_belongs_to_a_package_that_is_installed(component: ComponentType) -> None:
    for cluster, node in where(component):
        packages = set(component.packages(cluster, node))
        assert not packages or set(component.debian_units) <= packages


@hosts
def test_needrestart_leaves_every_service_alone(cluster: Cluster, node: Node) -> None:
    (text,) = [one.content for one in host_files(cluster, node, needrestart=True) if one.path == NEEDRESTART]
    for one in components_on(cluster, node):
        installed = bool(one.packages(cluster, node))
        assert all((f"qr(^{name})" in text) is installed for name in one.undisturbed), one.name


@hosts
def test_what_its_files_start_is_what_is_stopped_and_started_and_destroyed(cluster: Cluster, node: Node) -> None:
    for one in components_on(cluster, node):
        started = [unit.name for unit in one.files(cluster, node, SECRETS).units]
        assert set(started) == set(one.units(cluster, node)), one.name
        assert set(started) <= set(enabled_units(cluster, node))
        assert one.mark or all(one.phase_of(unit) in PHASES for unit in started)
    in_phases = [unit for phase in PHASES for unit in units_of(cluster, node, phase)]
    there = [one for one in components_on(cluster, node) if one.phase or not one.mark]
    assert sorted(in_phases) == sorted(unit for one in there for unit in one.units(cluster, node))


@hosts
def test_what_a_host_turned_out_not_to_need_is_not_stopped_there(cluster: Cluster, node: Node) -> None:
    """A chrony that is the administrator's has the same unit."""
    there = dict.fromkeys(owned_paths(cluster, node), "a file")
    assert own_units(cluster, node, there) == enabled_units(cluster, node)
    for one in (one for one in components_on(cluster, node) if one.mark):
        assert one.mark in one.owns(cluster, node)
        left = own_units(cluster, node, {**there, one.mark: None})
        assert set(enabled_units(cluster, node)) - set(left) == {*one.units(cluster, node), *one.former_units}
        assert foreign_paths(cluster, node, {**there, one.mark: None}) == set(one.owns(cluster, node))
    assert foreign_paths(cluster, node, there) == set()


@hosts
def test_a_unit_stops_before_what_it_needs(cluster: Cluster, node: Node) -> None:
    order = [unit for unit in enabled_units(cluster, node) if unit in ("haproxy", "patroni", "pgbackrest", "etcd")]
    assert order == [unit for unit in ("haproxy", "patroni", "pgbackrest", "etcd") if unit in order]


@hosts
def test_every_file_and_certificate_goes_with_its_component(cluster: Cluster, node: Node) -> None:
    traces = [PurePosixPath(path) for path in traces_on(cluster, node)]
    for one in components_on(cluster, node):
        for file in one.files(cluster, node, SECRETS).files:
            assert any(PurePosixPath(file.path).is_relative_to(trace) for trace in traces), (one.name, file.path)
        for place in (*one.certificates(cluster, node), *one.lent(cluster, node)):
            assert place.directory in owned_paths(cluster, node)


@hosts
def test_a_directory_of_ours_goes_or_is_emptied_or_holds_data(cluster: Cluster, node: Node) -> None:
    gone = [PurePosixPath(path) for path in (*traces_on(cluster, node), *emptied_directories())]
    kept = {cluster.data_directory, str(PurePosixPath(cluster.data_directory).parent), cluster.repository_directory}
    kept |= {"/etc/patroni", "/var/log/postgresql", "/var/log/pgbackrest"}  # packages own them
    for one in components_on(cluster, node):
        for directory in one.files(cluster, node, SECRETS).directories:
            path = PurePosixPath(directory.path)
            assert str(path) in kept or any(path.is_relative_to(trace) for trace in gone), path


@hosts
def test_secrets_are_in_the_files_of_those_who_declare_them(cluster: Cluster, node: Node) -> None:
    for one in components_on(cluster, node):
        text = "".join(file.content for file in one.files(cluster, node, SECRETS).files)
        found = {name for name in NAMES if str(SECRETS[name]) in text}
        # What judges a host has digests of files alone, and needs all secrets of these for them.
        assert found == (set() if one is FINDINGS else set(one.secrets(cluster, node))), one.name


@hosts
def test_a_file_with_a_secret_is_its_owner_s_alone(cluster: Cluster, node: Node) -> None:
    for one in components_on(cluster, node):
        for file in one.files(cluster, node, SECRETS).files:
            if any(str(SECRETS[name]) in file.content for name in NAMES):
                assert file.mode == "600", file.path


@hosts
def test_a_port_is_opened_by_one_component_and_its_setting_gives_it(cluster: Cluster, node: Node) -> None:
    ports = [one.port for one in listeners(cluster, node)]
    assert len(ports) == len(set(ports))
    for one in listeners(cluster, node):
        assert one.port == getattr(cluster.settings, one.setting)


def test_what_listens_is_the_service_of_a_component() -> None:
    opened = (listeners(cluster, node) for cluster, node in HOSTS)
    units = {one.unit for listed in opened for one in listed}
    assert all(any(fnmatchcase(service, unit) for unit in units) for service in SERVICES)
    assert all(any(fnmatchcase(service, unit) for service in SERVICES) for unit in units)


def test_what_a_host_must_reach_somebody_opens() -> None:
    for cluster, node in HOSTS:
        listened = (one for other in cluster for one in listeners(cluster, other))
        opened = {(address, one.port) for one in listened for address in one.addresses}
        assert set(needed_ports(cluster, node)) <= opened


@components
def test_tls_is_spoken_on_ports_that_are_opened(component: ComponentType) -> None:
    for cluster, node in where(component):
        opened = {one.setting for one in component.listens(cluster, node)}
        assert not opened or set(component.tls) <= opened
        assert {getattr(cluster.settings, setting) for setting in component.tls} <= set(tls_ports(cluster))


@hosts
def test_a_certificate_has_a_place_of_its_own(cluster: Cluster, node: Node) -> None:
    paths = [path for place in held_places(cluster, node) for path in {place.certificate, place.key}]
    assert len(paths) == len(set(paths))
    assert set(certificate_places(cluster, node)) <= set(held_places(cluster, node))


def test_a_host_without_a_role_has_no_component() -> None:
    for cluster, node in HOSTS:
        assert components_on(cluster, node) and node.roles <= set(ROLES)


def test_every_class_of_settings_has_its_prefix() -> None:
    for part, prefix in zip(PARTS, PREFIXES, strict=True):
        inherited = set().union(*(getattr(base, "model_fields", {}) for base in part.__bases__))
        own = set(part.model_fields) - inherited
        assert own and all(name.startswith(prefix) for name in own - UNPREFIXED)
    assert set().union(*(set(part.model_fields) for part in PARTS)) == set(Settings.model_fields)
