"""What is in the images: package lists and build scripts, and a digest of both."""

import hashlib

from tests.lab.spec import RELEASES

MIRROR = "http://deb.debian.org"

# A host as an administrator finds it: no Python, no locales, no pager.
BARE_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo"),
    *("iproute2", "ca-certificates", "procps"),
)

# The product's packages. contrib is part of postgresql-<version> in Debian.
PACKAGES = (
    *("etcd-server", "etcd-client", "postgresql-{version}", "postgresql-client-{version}"),
    *("patroni", "python3-etcd", "python3-psycopg2", "haproxy", "pgbackrest"),
)
TOOLS = ("nftables",)
UNITS = ("etcd", "haproxy", "patroni", "pgbackrest")

SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UseDNS no
"""

# From OpenSSH 9.8 on, failed logins would ban the control machine: many tests provoke some.
SSHD_OPTIONS = {"trixie": "PerSourcePenalties no\n", "bookworm": ""}

# Images hold no host key, else every host of every lab would share it.
HOST_KEY_UNIT = """\
[Unit]
Description=Host key of a lab host
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
Before=ssh.service

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key

[Install]
WantedBy=ssh.service
"""

INSTALL = """\
set -eu
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get --quiet update
apt-get --quiet install --yes --no-install-recommends {packages}
"""

TIDY = """\
apt-get clean
rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /tmp/* /etc/ssh/ssh_host_*
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id
"""


def sources(release: str) -> list[str]:
    """Return the lines of sources.list for a base image that is made here."""
    return [
        f"deb {MIRROR}/debian {release} main",
        f"deb {MIRROR}/debian {release}-updates main",
        f"deb {MIRROR}/debian-security {release}-security main",
    ]


def bare_script(release: str) -> str:
    """Return the script that makes a bare host of a minimal Debian."""
    return "".join(
        [
            # Debian's images for containers keep no package lists; real hosts do.
            "rm -f /etc/apt/apt.conf.d/docker-*\n",
            INSTALL.format(packages=" ".join(BARE_PACKAGES)),
            "useradd --create-home --shell /bin/bash deploy\n",
            "echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy\n",
            "chmod 440 /etc/sudoers.d/deploy\n",
            _file("/etc/ssh/sshd_config.d/lab.conf", SSHD + SSHD_OPTIONS[release]),
            _file("/etc/systemd/system/lab-host-key.service", HOST_KEY_UNIT),
            "systemctl enable lab-host-key.service ssh.service\n",
            # They take apt's lock at a moment of their choice.
            "systemctl disable apt-daily.timer apt-daily-upgrade.timer\n",
            TIDY,
        ]
    )


def packaged_script(release: str) -> str:
    """Return the script that adds the product's packages: nothing runs, no cluster."""
    packages = [package.format(version=RELEASES[release]) for package in PACKAGES]
    return "".join(
        [
            "mkdir -p /etc/postgresql-common\n",
            _file("/etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n"),
            INSTALL.format(packages=" ".join(packages)),
            f"for unit in {' '.join(UNITS)}; do\n",
            '  test ! -e "/lib/systemd/system/$unit.service" || systemctl disable "$unit"\n',
            "done\n",
            TIDY,
        ]
    )


def script(release: str, flavour: str) -> str:
    """Return what makes an image of the one below it."""
    if flavour == "bare":
        return bare_script(release)
    if flavour == "tools":
        return INSTALL.format(packages=" ".join(TOOLS)) + TIDY
    return packaged_script(release)


def digest(release: str, flavour: str) -> str:
    """Return a digest of the recipe, the image below included: other digest, other image."""
    below = "\n".join(sources(release)) if flavour == "bare" else digest(release, "bare")
    return hashlib.sha256(f"{below}\n{script(release, flavour)}".encode()).hexdigest()


def _file(path: str, content: str) -> str:
    return f"cat > {path} <<'END'\n{content}END\n"
