"""The certificates that lie on a host, and whether each fits the private key beside it."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from cluster.observed.host import SeenCertificate
from facts.answer import Answer

# A key never leaves the host, not even out of a file that holds both: only the digest of its public half does, to be
# compared with the certificate's.
_LOOK = r"""
look() {
  c=$(sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$1" 2>/dev/null | base64 -w0)
  a=$(base64 -w0 "$3" 2>/dev/null)
  k=$(openssl pkey -in "$2" -pubout -outform DER 2>/dev/null | sha256sum)
  o=$(stat -c '%U:%a' "$2" 2>/dev/null)
  echo "$1|$c|${k%% *}|$o|$a"
}
"""


class HostCertificates(Answer[dict[str, SeenCertificate]]):
    """
    Returns ``{certificate path: {"pem": str or None, "key_digest": str, "key_owner": "user:mode", "authority": str or
    None}}``; the digest is that of the public key which belongs to the private one.

    + places: certificate path, key path, CA path of each component
    """

    def command(self, places: Sequence[Sequence[str]]) -> str:
        """One script for all places."""
        return _LOOK + "\n".join(f"look {' '.join(map(quote, place))}" for place in places) + "\ntrue"

    def parsed(self, output: list[str]) -> dict[str, SeenCertificate]:
        """One line a place."""
        return dict(_place(line) for line in output)

    @classmethod
    def serves(cls, asked: Mapping[str, Any], wanted: Mapping[str, Any], seen: dict[str, SeenCertificate]) -> bool:
        """One that was about more places."""
        return all(place in asked["places"] for place in wanted["places"])

    @classmethod
    def part(cls, wanted: Mapping[str, Any], seen: dict[str, SeenCertificate]) -> dict[str, SeenCertificate]:
        """The places that were asked for."""
        return {path: seen[path] for path, *_ in wanted["places"]}


_EXPIRY = r"""
for c in /etc/*/pki/*.crt /etc/*/pki/*.pem /etc/patroni/rest/*.crt /etc/pgbackrest/server/*.crt \
  /etc/pgbackrest/source/*.crt; do
  [ -e "$c" ] || continue
  count=$(grep -c -e '-----BEGIN CERTIFICATE-----' "$c") || exit 1
  ends=$(sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$c" |
    awk -v read='openssl x509 -noout -enddate' '{ print | read } /-----END/ { close(read) }')
  [ "$(echo "$ends" | grep -c =)" -eq "$count" ] || exit 1
  echo "$ends" | while IFS='=' read -r _ end; do echo "$c|$end|$(date +%s)"; done
done
"""


class CertificateDays(Answer[dict[str, float]]):
    """
    ``{path: days left}`` of every file with certificates that this tool has laid on the host, CAs included, by the
    host's own clock; of several in one file those of the first to end. Negative for one that has expired.
    """

    def command(self) -> str:
        """One script; where there is none yet it prints nothing."""
        return _EXPIRY

    @staticmethod
    def default() -> dict[str, float]:
        """There is none."""
        return {}

    def parsed(self, output: list[str]) -> dict[str, float]:
        """One line a certificate."""
        found: dict[str, float] = {}
        for path, end, now in (line.split("|") for line in output):
            # Not every host's `date` reads what openssl writes.
            left = round((ssl.cert_time_to_seconds(end) - int(now)) / 86400, 1)
            found[path] = min(left, found.get(path, left))
        return found


def _place(line: str) -> tuple[str, SeenCertificate]:
    path, certificate, digest, owner, authority = line.split("|")
    return path, {
        "pem": _text(certificate),
        "key_digest": digest,
        "key_owner": owner,
        "authority": _text(authority),
    }


def _text(encoded: str) -> str | None:
    return base64.b64decode(encoded).decode() if encoded else None
