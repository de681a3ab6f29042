"""What is installed on one host, and where apt takes packages from. One remote command, without Python there."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from facts.answer import Answer
from facts.host import HostComponent

POLICY = "/usr/sbin/policy-rc.d"
POLICY_MARK = "made by pyinfra-patroni for the time of an installation"
UMBRELLA_UNIT = "/etc/systemd/system/postgresql.service"

# dpkg-query says 1 when one of the packages is unknown to it, and lists the others all the same.
_LOOK = r"""
. /etc/os-release && echo "release|$ID|${{VERSION_CODENAME:-}}|${{VERSION_ID:-}}" || exit 1
dpkg-query -W -f '{format}\n' {packages} 2>/dev/null || test $? -eq 1 || exit 1
if grep -qs {mark} {policy}; then echo 'unfinished|'; fi
if [ "$(readlink {umbrella})" = /dev/null ]; then echo 'masked|'; fi
for p in /etc/postgresql/*/*/postgresql.conf; do [ ! -e "$p" ] || echo "cluster|$p"; done
"""
_FORMAT = "package|${Package}|${db:Status-Want}|${db:Status-Status}|${Version}"

_RIVALS = r"""
grep -sF -e {uri} /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
  | grep -v ':[[:space:]]*#' | sed 's/:.*//' | sort -u | grep -vxF {own} | sed 's/^/rival|/'
"""

_OFFERED = r"""
offered=$(apt-cache madison {packages}) || exit 1
printf '%s\n' "$offered" | sed -n 's/ *| */|/g; s/^ *\(.*|.*|\)/offered|\1/p'
"""

_WORDS = ("release", "package", "unfinished", "masked", "cluster", "rival", "offered")


class HostPackages(Answer[dict[str, Any]]):
    """
    Packages, holds and package sources of one host.

    Returns ``{"release": {id, codename, version}, "packages": {name: {status, version, held}}, "paths": as in
    HostComponent, "unfinished": an installation of ours died, "masked": postgresql.service is, "clusters": [files of
    Debian's own clusters], "rivals": [files that name the URI too], "offered": {name: [versions, newest first]}}``.

    + packages: names; those that dpkg does not know are left out of the answer
    + paths: files and directories to look at
    + uri: an apt repository that only the file ``own`` shall name
    + own: that file
    + offered: whether to ask for the versions that apt could install; without, the answer has none
    """

    def command(
        self,
        packages: Sequence[str],
        paths: Sequence[str] = (),
        uri: str | None = None,
        own: str = "",
        offered: bool = False,
    ) -> str:
        """One shell script for all of it."""
        names = " ".join(map(quote, packages))
        script = _LOOK.format(
            format=_FORMAT, packages=names, mark=quote(POLICY_MARK), policy=POLICY, umbrella=UMBRELLA_UNIT
        )
        if uri is not None:
            script += _RIVALS.format(uri=quote(uri.partition("://")[2] or uri), own=quote(own))
        if offered:
            script += _OFFERED.format(packages=names)
        return script + HostComponent().command(paths=paths, units={})

    def parsed(self, output: list[str]) -> dict[str, Any]:
        """The script's lines as one picture."""
        ours: dict[str, list[str]] = {word: [] for word in _WORDS}
        others: list[str] = []
        for line in output:
            word, _, rest = line.partition("|")
            if word in ours:
                ours[word].append(rest)
            else:
                others.append(line)
        if len(ours["release"]) != 1:
            raise FactProcessError("/etc/os-release names no release")
        return {
            "release": dict(zip(("id", "codename", "version"), ours["release"][0].split("|"), strict=True)),
            "packages": dict(map(_package, ours["package"])),
            "paths": HostComponent().process(others)["paths"],
            "unfinished": bool(ours["unfinished"]),
            "masked": bool(ours["masked"]),
            "clusters": ours["cluster"],
            "rivals": ours["rival"],
            "offered": _offered(ours["offered"]),
        }


def _package(line: str) -> tuple[str, dict[str, Any]]:
    name, want, status, version = line.split("|")
    return name, {"status": status, "version": version, "held": want == "hold"}


def _offered(lines: list[str]) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for line in lines:
        name, version, _ = line.split("|", 2)
        known = versions.setdefault(name, [])
        if version not in known:
            known.append(version)
    return versions
