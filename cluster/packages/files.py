"""The files that tell apt and Debian's maintainer scripts where packages come from and what they must not do."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from cluster.components.all import components_on
from cluster.components.files import Directory, File
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.packages.releases import Release

SOURCE = "/etc/apt/sources.list.d/pyinfra-patroni.sources"
KEY = "/etc/apt/keyrings/pyinfra-patroni.asc"
PREFERENCES = "/etc/apt/preferences.d/pyinfra-patroni.pref"
CREATECLUSTER = "/etc/postgresql-common/createcluster.conf"
NEEDRESTART_DIRECTORY = "/etc/needrestart/conf.d"
NEEDRESTART = f"{NEEDRESTART_DIRECTORY}/pyinfra-patroni.conf"

APT_DIRECTORIES = ("/etc/apt/sources.list.d", "/etc/apt/keyrings", "/etc/apt/preferences.d")
POSTGRES_DIRECTORY = "/etc/postgresql-common"
OBSERVED_PATHS = (
    *(SOURCE, KEY, PREFERENCES, CREATECLUSTER, NEEDRESTART),
    *(*APT_DIRECTORIES, POSTGRES_DIRECTORY, NEEDRESTART_DIRECTORY),
)

PGDG_URI = "https://apt.postgresql.org/pub/repos/apt"
# ACCC4CF8, as Debian's package postgresql-common ships it; a test checks its fingerprint.
PGDG_KEY = Path(__file__).parents[1] / "components/templates/packages/apt.postgresql.org.asc"

_HEADER = "# Written by pyinfra-patroni; change packages_source in group_data instead.\n"
_PRIVATE_KEY, _PUBLIC_KEY = (f"-----BEGIN PGP {kind} KEY BLOCK-----" for kind in ("PRIVATE", "PUBLIC"))

# PGDG has etcd for some releases and not for others; these two are the distribution's on all of them.
_PGDG_PREFERENCES = """\
Package: etcd-server etcd-client haproxy
Pin: release o=apt.postgresql.org
Pin-Priority: 100
"""

# Above 500, at which equal sources compete by version: who names a mirror wants what is in it.
_MIRROR_PREFERENCES = """\
Package: *
Pin: origin "{host}"
Pin-Priority: 600
"""


def source_uri(cluster: Cluster) -> str | None:
    """Where packages come from beside the distribution's own sources; None: from nowhere else."""
    settings = cluster.settings
    return {"pgdg": PGDG_URI, "mirror": settings.packages_mirror_uri}.get(settings.packages_source)


def source_file(cluster: Cluster, release: Release) -> File | None:
    """The source as apt wants it. None: the distribution's own sources are enough. + release: of the host"""
    settings, uri = cluster.settings, source_uri(cluster)
    if uri is None:
        return None
    suite, components = f"{release.codename}-pgdg", ["main"]
    if settings.packages_source == "mirror":
        suite, components = settings.packages_mirror_suite or "", settings.packages_mirror_components
    fields = {"Types": "deb", "URIs": uri, "Suites": suite, "Components": " ".join(components), "Signed-By": KEY}
    return File(SOURCE, _HEADER + "".join(f"{name}: {value}\n" for name, value in fields.items() if value))


def signing_key(cluster: Cluster) -> str | None:
    """
    The key that signs the source, read on the control machine. None: there is no source.

    Refused: a file that cannot be read, a key that is not ASCII-armored, a private key.
    """
    settings = cluster.settings
    if settings.packages_source == "distribution":
        return None
    path = PGDG_KEY if settings.packages_source == "pgdg" else Path(settings.packages_mirror_key or "")
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise ConfigError(
            f"the key of the package source cannot be read: {error.strerror}: {path}\n"
            "HINT: packages_mirror_key is the path of a file on this machine."
        ) from None
    except UnicodeDecodeError:
        text = ""
    if _PRIVATE_KEY in text:
        raise ConfigError(f"{path} holds a private key\nHINT: take what `gpg --export --armor` prints.")
    if not text.startswith(_PUBLIC_KEY):
        raise ConfigError(f"{path} is no ASCII-armored public key\nHINT: take what `gpg --export --armor` prints.")
    return text if text.endswith("\n") else f"{text}\n"


def preferences_file(cluster: Cluster) -> File | None:
    """Which source wins where several have a package. None: apt's own rules do."""
    source, uri = cluster.settings.packages_source, source_uri(cluster)
    if uri is None:
        return None
    text = _PGDG_PREFERENCES if source == "pgdg" else _MIRROR_PREFERENCES.format(host=urlsplit(uri).hostname or "")
    return File(PREFERENCES, _HEADER + text)


def source_files(cluster: Cluster, release: Release, key: str | None) -> tuple[Directory | File, ...]:
    """Everything that apt reads of ours, with its directories. + key: the text of ``signing_key``"""
    source, preferences = source_file(cluster, release), preferences_file(cluster)
    if source is None or preferences is None or key is None:
        return ()
    return (*map(Directory, APT_DIRECTORIES), File(KEY, key), preferences, source)


def has_server(node: Node) -> bool:
    """Whether PostgreSQL's server is installed on a host: for its data, or for the copy of a restore drill."""
    return bool(node.roles & {"postgres", "backup"})


def host_files(cluster: Cluster, node: Node, *, needrestart: bool) -> tuple[Directory | File, ...]:
    """
    What must lie there before a package is installed.

    + needrestart: whether the host has it
    """
    files: list[Directory | File] = []
    if has_server(node):
        # No more than this one line: postgresql-common ignores the whole file over a line that it cannot read.
        files += [Directory(POSTGRES_DIRECTORY), File(CREATECLUSTER, "create_main_cluster = false\n")]
    if needrestart:
        # It would restart a service, and so end every session, because of a new libssl.
        installed = (one for one in components_on(cluster, node) if one.packages(cluster, node))
        services = [service for one in installed for service in one.undisturbed]
        lines = [f"$nrconf{{override_rc}}{{qr(^{service})}} = 0;\n" for service in services]
        files.append(File(NEEDRESTART, "".join(lines) or "# No service of this host needs it.\n"))
    return tuple(files)
