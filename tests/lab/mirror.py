"""A package mirror on a host of the lab: one repacked package, signed by a throw-away key, served over http."""

from dataclasses import dataclass

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary.waiting import wait_until

SUITE = "lab"
ROOT = "/srv/mirror"
VERSION_SUFFIX = "~mirror1"  # older than the distribution's: it is taken because of where it comes from, or not at all
TOOLS = ("gpg", "gpg-agent", "apt-utils", "python3-minimal", "libpython3-stdlib")
BUILD_SECONDS = 180
ANSWER_SECONDS = 20

_BUILD = """\
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get --quiet update
apt-get --quiet install --yes --no-install-recommends {tools}
mkdir -p {root}/pool {root}/dists/{suite}/main/binary-$(dpkg --print-architecture) /root/repack
cd /root/repack
apt-get --quiet download {package}
dpkg-deb --raw-extract ./*.deb tree
sed -i 's/^Version: .*/&{suffix}/' tree/DEBIAN/control
dpkg-deb --build -Zgzip -z1 tree {root}/pool
gpg --batch --quiet --passphrase '' --quick-generate-key 'lab mirror' ed25519 sign never
gpg --batch --quiet --passphrase '' --quick-generate-key 'somebody else' ed25519 sign never
cd {root}
apt-ftparchive packages pool > dists/{suite}/main/binary-$(dpkg --print-architecture)/Packages
apt-ftparchive -o APT::FTPArchive::Release::Suite={suite} -o APT::FTPArchive::Release::Components=main \
  release dists/{suite} > /root/Release
gpg --batch --yes --local-user 'lab mirror' --clearsign --output dists/{suite}/InRelease /root/Release
systemd-run --quiet --unit mirror python3 -m http.server 80 --directory {root}
"""


@dataclass(frozen=True)
class Mirror:
    """A mirror that answers. + version: of its one package; + key: armored; + wrong_key: of somebody else"""

    host: Host
    uri: str
    version: str
    key: str
    wrong_key: str


def start(host: Host, package: str) -> Mirror:
    """Make a mirror on a bare host of the lab and serve it. + package: name of the one package in it"""
    script = _BUILD.format(tools=" ".join(TOOLS), root=ROOT, suite=SUITE, package=package, suffix=VERSION_SUFFIX)
    run_in(host.container, script, timeout_seconds=BUILD_SECONDS)
    answers = f'systemctl is-active --quiet mirror && python3 -c "{_ASK}"'
    wait_until("the mirror answers", lambda: _succeeds(host, answers), seconds=ANSWER_SECONDS)
    version = run_in(host.container, f"dpkg-deb --field {ROOT}/pool/*.deb Version")
    return Mirror(host, f"http://{host.address4}", version, _key(host, "lab mirror"), _key(host, "somebody else"))


_ASK = f"import urllib.request as u; u.urlopen('http://127.0.0.1/dists/{SUITE}/InRelease')"


def _succeeds(host: Host, command: str) -> bool:
    return run_in(host.container, f"{command} 2> /dev/null && echo yes || true") == "yes"


def _key(host: Host, user: str) -> str:
    return run_in(host.container, f"gpg --export --armor '{user}'") + "\n"
