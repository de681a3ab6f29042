"""Hosts as nobody thinks of them: the newer ones' coreutils and sudo, a login that talks, and another language."""

from tests.lab.docker import run_in
from tests.lab.spec import Host

LANGUAGE = "de_DE.UTF-8"
INSTALL_SECONDS = 300

# Ubuntu 26.04 ships these two; Debian packages both. Whatever is first in everybody's path is used by everybody.
_TOOLS = f"""
export DEBIAN_FRONTEND=noninteractive
apt-get -q update && apt-get -q install -y --no-install-recommends rust-coreutils sudo-rs locales
for tool in /usr/lib/cargo/bin/coreutils/*; do ln -sf "$tool" "/usr/local/bin/${{tool##*/}}"; done
ln -sf /usr/lib/cargo/bin/sudo /usr/local/bin/sudo
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
getent group postgres > /dev/null || groupadd --system postgres
for place in postgresql pgbackrest; do install -d -m 2775 -g postgres "/var/log/$place"; done
systemctl daemon-reexec
"""


def make_odd(host: Host) -> None:
    """Give a fresh host habits that no other host of the lab has."""
    run_in(host.container, f"set -e{_TOOLS}{_MANNERS}", timeout_seconds=INSTALL_SECONDS)
