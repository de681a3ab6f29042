"""Which locales and time zones a host has: asked of the C library itself, as PostgreSQL will ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

# An unknown locale is only complained about, and then the C locale used. tzdata comes with PostgreSQL if need be.
_LOCALES = r"""
if there=$(locale -a 2>/dev/null); then
  echo "glibc|$(getconf GNU_LIBC_VERSION)"
  for l in {locales}; do
    if [ -z "$(LC_ALL=$l locale charmap 2>&1 >/dev/null)" ]; then
      echo "locale|$l|$(LC_ALL=$l locale charmap)"
    else
      echo "locale|$l|"
    fi
  done
  printf '%s\n' "$there" | sed 's/^/locales|/'
fi
if [ -d /usr/share/zoneinfo ]; then
  for z in {zones}; do
    echo "zone|$z|$(find -L /usr/share/zoneinfo -type f -ipath "/usr/share/zoneinfo/$z" | head -n 1)"
  done
fi
"""


def locales_script(names: Sequence[str], zones: Sequence[str]) -> str:
    """What asks for them. + names: of locales; + zones: of time zones"""
    return _LOCALES.format(locales=" ".join(map(quote, names)), zones=" ".join(map(quote, zones)))


def locales(lines: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, Any]:
    """
    ``{"glibc": its version, or empty, "encodings": {locale: its encoding, empty where the host does not have it},
    "there": every locale of the host, "zones": {time zone: bool}}``; what the host cannot tell is not there.
    """
    return {
        "glibc": next((version.split()[-1] for (version,) in lines.get("glibc", ()) if version), ""),
        "encodings": {line[0]: line[1] for line in lines.get("locale", ())},
        "there": [name for (name,) in lines.get("locales", ())],
        "zones": {name: path != "" for name, path in lines.get("zone", ())},
    }
