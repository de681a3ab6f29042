"""Which secrets a host has, without telling one: digests that are of use in this run alone, and of verifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from cluster.components.monitoring.exporter import USER as ROLE

# One look at all files, for every process costs a busy host. A password has neither quotes nor spaces in it. The
# builtin printf has no arguments that others could see. A PostgreSQL without a Patroni is somebody else's, and is not
# asked: a mere connection writes into its data.
_HELD = r"""
files=
for f in /etc/patroni/config.yml /etc/haproxy/haproxy.cfg /etc/pgbackrest/pgbackrest.conf \
  /etc/pgbouncer/logins.txt /etc/pyinfra-patroni-monitoring/prometheus/login; do
  [ ! -e $f ] || files="$files $f"
done
[ -z "$files" ] || awk '
  /^ *superuser:$/ {{ name = "PATRONI_SUPERUSER_PASSWORD" }}
  /^ *replication:$/ {{ name = "PATRONI_REPLICATION_PASSWORD" }}
  /^ *rewind:$/ {{ name = "PATRONI_REWIND_PASSWORD" }}
  /^restapi:$/ {{ name = "PATRONI_RESTAPI_PASSWORD" }}
  $1 == "password:" && name != "" {{ told(name, $2); name = "" }}
  $1 == "\042pgbouncer_auth\042" {{ told("PGBOUNCER_PASSWORD", $2) }}
  FILENAME ~ "/prometheus/login$" {{ told("MONITORING_PASSWORD", $1) }}
  $1 == "user" && $3 == "insecure-password" {{ told("HAPROXY_STATS_PASSWORD", $4) }}
  /^repo[0-9]+-cipher-pass=/ {{ told("PGBACKREST_CIPHER_PASS", substr($0, index($0, "=") + 1)) }}
  function told(what, value) {{ gsub(/[\042\047]/, "", value); if (!seen[what, value]++) print what, value }}
' $files | while read -r name value; do
  digest=$(printf '%s%s' {nonce} "$value" | sha256sum)
  echo "held|$name|${{digest%% *}}"
done
for f in {authorities}; do
  if [ -e "$f" ]; then digest=$(sha256sum < "$f"); echo "authority|${{digest%% *}}"; break; fi
done
if [ -e /etc/patroni/config.yml ] && [ -S /var/run/postgresql/.s.PGSQL.{port} ]; then
  (cd / && timeout 5 runuser -u postgres -- psql -XAtq -h /var/run/postgresql -p {port} -d postgres -c {sql} \
    -c {measuring}) 2>/dev/null
fi
"""

# Those that are no SCRAM verifier say nothing of a password.
_SQL = """
select 'role', rolname, split_part(rolpassword, '$', 2), encode(sha256(rolpassword::bytea), 'hex')
from pg_authid where rolpassword like 'SCRAM-SHA-256$%' and rolname in ({roles})
"""

# Whose it is, the role with which the exporters would come.
_MEASURING = f"""
select 'measuring', rolname, coalesce(shobj_description(oid, 'pg_authid'), '') from pg_authid where rolname = '{ROLE}'
"""

# pgBackRest keeps a copy of this file beside it, for when the first is damaged.
_STANZA = r"""
for f in {archive}/archive.info {archive}/archive.info.copy; do
  if [ -e "$f" ]; then
    labels=$(ls {backup} 2>/dev/null | grep -E '^[0-9]{{8}}-[0-9]{{6}}F' | tr '\n' ' ')
    echo "stanza|$(head -c 64 "$f" | base64 -w0)|$labels"
    break
  fi
done
"""


def held_script(nonce: str, roles: Sequence[str], port: int, authorities: Sequence[str]) -> str:
    """
    Lines for what this host has of a cluster's secrets.

    + nonce: of the run; + roles: whose verifiers are looked at
    + port: of a PostgreSQL that may run here; + authorities: paths of the CA that it trusts, of which the first counts
    """
    named = ", ".join("'" + role.replace("'", "''") + "'" for role in roles)
    sql = quote(" ".join(_SQL.format(roles=named).split()))
    measuring, listed = quote(" ".join(_MEASURING.split())), " ".join(map(quote, authorities))
    return _HELD.format(nonce=quote(nonce), port=port, sql=sql, measuring=measuring, authorities=listed)


def stanza_script(directory: str, stanza: str) -> str:
    """A line for a repository that has a stanza already. + directory: of the repository"""
    archive, backup = (quote(f"{directory}/{kind}/{stanza}") for kind in ("archive", "backup"))
    return _STANZA.format(archive=archive, backup=backup)


def held(lines: Mapping[str, list[list[str]]]) -> dict[str, Any]:
    """
    ``{digests: {name: [digest]}, roles: {name: {salt, verifier_sha256}}, authority: digest or None, measuring: the
    comment of the exporters' role or None}``.
    """
    digests: dict[str, list[str]] = {}
    for name, digest in lines.get("held", ()):
        digests.setdefault(name, []).append(digest)
    roles = {name: {"salt": salt, "verifier_sha256": verifier} for name, salt, verifier in lines.get("role", ())}
    authority = next((digest for (digest,) in lines.get("authority", ())), None)
    measuring = next((comment for _, comment in lines.get("measuring", ())), None)
    return {"digests": digests, "roles": roles, "authority": authority, "measuring": measuring}


def stanza(lines: Mapping[str, list[list[str]]]) -> dict[str, Any] | None:
    """``{head: base64, backups: [label]}``; None when there is no stanza."""
    return next(({"head": head, "backups": labels.split()} for head, labels in lines.get("stanza", ())), None)
