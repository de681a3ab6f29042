"""The certificates that lie on a host, and whether each fits the private key beside it."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from cluster.observed.host import SeenCertificate
from facts.answer import Answer

# A key never leaves the host, not even out of a file that holds both: only its public half does, to be compared with
# the certificate's. As few processes as there can be: they are what a look costs a busy host.
_LOOK = r"""
texts() {
  for p do shift; [ ! -f "$p" ] || set -- "$@" "$p"; done
  [ $# -eq 0 ] || awk "$program" "$@"
}
keys() {
  for p do shift; [ ! -f "$p" ] || set -- "$@" "$p"; done
  [ $# -eq 0 ] || stat -c 'owner|%n|%U:%a' -- "$@"
  for p do echo "key|$p"; openssl pkey -in "$p" -pubout 2>/dev/null; done
}
"""
_BLOCKS = """
/-----BEGIN CERTIFICATE-----/ { on = 1 }
on { print "pem|" FILENAME "|" $0 }
/-----END CERTIFICATE-----/ { on = 0 }
"""
_LINES = '{ print "authority|" FILENAME "|" $0 }'


class HostCertificates(Answer[dict[str, SeenCertificate]]):
    """
    Returns ``{certificate path: {"pem": str or None, "key_digest": str, "key_owner": "user:mode", "authority": str or
    None}}``; the digest is that of the public key which belongs to the private one.

    + places: certificate path, key path, CA path of each component
    """

    def command(self, places: Sequence[Sequence[str]]) -> str:
        """One script for all places."""
        if not places:
            return "true"
        named = [f"echo {quote('|'.join(['place', *place]))}" for place in places]
        certificates, held, authorities = (
            " ".join(map(quote, dict.fromkeys(paths))) for paths in zip(*places, strict=True)
        )
        looks = [
            f"program={quote(_BLOCKS)} texts {certificates}",
            f"program={quote(_LINES)} texts {authorities}",
            f"keys {held}",
        ]
        return _LOOK + "\n".join([*named, *looks, "true"])

    def parsed(self, output: list[str]) -> dict[str, SeenCertificate]:
        """The places first, then lines of what lies there."""
        places: list[list[str]] = []
        texts: dict[tuple[str, str], list[str]] = {}
        key = ""
        for line in output:
            word, *rest = line.split("|")
            if word == "place":
                places.append(rest)
            elif word == "key":
                (key,) = rest
            elif rest:
                path, *text = rest
                texts.setdefault((word, path), []).append("|".join(text))
            else:
                texts.setdefault(("public", key), []).append(line)
        return {certificate: _place(certificate, held, authority, texts) for certificate, held, authority in places}

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


def _place(certificate: str, key: str, authority: str, texts: Mapping[tuple[str, str], list[str]]) -> SeenCertificate:
    public = texts.get(("public", key), [])
    return {
        "pem": _text(texts.get(("pem", certificate))),
        "key_digest": hashlib.sha256(base64.b64decode("".join(public[1:-1]))).hexdigest(),
        "key_owner": next(iter(texts.get(("owner", key), ())), ""),
        "authority": _text(texts.get(("authority", authority))),
    }


def _text(lines: Sequence[str] | None) -> str | None:
    return None if lines is None else "".join(f"{line}\n" for line in lines)
