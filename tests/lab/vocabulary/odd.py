"""Hosts as nobody thinks of them: the newer ones' coreutils and sudo, a login that talks, and another language."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.docker import run_in
from tests.lab.spec import Host

LANGUAGE = "de_DE.UTF-8"
INSTALL_SECONDS = 300
SUDO, SUDOERS, PASSWORD = "/usr/local/bin/sudo", "/etc/sudoers.d/deploy", "a word that is typed"

# Ubuntu 26.04 ships these two; Debian packages both. Whatever is first in everybody's path is used by everybody.
_TOOLS = f"""
export DEBIAN_FRONTEND=noninteractive
apt-get -q update && apt-get -q install -y --no-install-recommends rust-coreutils sudo-rs locales
for tool in /usr/lib/cargo/bin/coreutils/*; do ln -sf "$tool" "/usr/local/bin/${{tool##*/}}"; done
ln -sf /usr/lib/cargo/bin/sudo {SUDO}
echo '{LANGUAGE} UTF-8' > /etc/locale.gen
locale-gen
"""

# bash reads .bashrc of whoever logs in by ssh, also for a single command.
_MANNERS = f"""
echo 'LANG={LANGUAGE}' | tee /etc/locale.conf > /etc/default/locale
for home in /root /home/deploy; do
  printf '%s\\n' 'echo "{{\\"greeting\\": 1}}"' 'printf "no line end|0|"' 'echo "loud" >&2' 'umask 077' \\
    "export LANG={LANGUAGE} LC_ALL={LANGUAGE}" > "$home/.bashrc"
done
cp /root/.bashrc /root/.profile
systemctl daemon-reexec
"""


def make_odd(host: Host) -> None:
    """Give a fresh host habits that no other host of the lab has."""
    run_in(host.container, f"set -e{_TOOLS}{_MANNERS}", timeout_seconds=INSTALL_SECONDS)


def set_group_ids(host: Host) -> None:
    """As an administrator does it, who lets a group read the logs. Rust's `install` would drop the bits again."""
    run_in(host.container, "chmod g+s /var/log/postgresql /var/log/pgbackrest")


@contextmanager
def with_password(host: Host) -> Iterator[None]:
    """For a while a host's usual sudo asks the lab's user for a password; Debian 13's sudo-rs takes none from a run."""
    rule = f"echo 'deploy ALL=(ALL) ALL' > {SUDOERS}; mv {SUDO} {SUDO}.away; echo 'deploy:{PASSWORD}' | chpasswd"
    run_in(host.container, rule)
    try:
        yield
    finally:
        run_in(host.container, f"echo 'deploy ALL=(ALL) NOPASSWD: ALL' > {SUDOERS}; mv {SUDO}.away {SUDO}")
