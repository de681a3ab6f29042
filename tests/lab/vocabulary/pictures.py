"""What a run has made of a lab, in words that do not depend on the lab: two clusters alike have equal pictures."""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

from cryptography import x509

from tests.lab.docker import docker, run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.runs import MEMBERS, leader, patroni, secrets, secrets_directory, sql

# What lives by itself, or is made at every boot: of the host, not of the product. And what a start of a service notes
# of its data: whether anything was there yet, which depends on how often it was started.
VOLATILE = (
    "/etc/pyinfra-patroni/data-mounts/",
    *("/etc/.updated", "/etc/hostname", "/etc/hosts", "/etc/ld.so.cache", "/etc/machine-id", "/etc/mtab"),
    *("/etc/resolv.conf", "/etc/ssh/"),
)
UNITS = ("etcd", "patroni", "haproxy", "postgresql")

# These say who leads, which is left to chance.
OF_THE_ROLE = ("primary_conninfo", "primary_slot_name", "restore_command", "transaction_read_only", "in_hot_standby")
SETTINGS = (
    "select name, setting, coalesce(unit, ''), source from pg_settings"
    " where source not in ('default', 'client', 'session') order by 1"
)
ROLES = (
    "select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit,"
    " rolbypassrls from pg_roles order by 1"
)
DATABASES = (
    "select datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datallowconn"
    " from pg_database order by 1"
)

# One line a path: its name, kind, mode, owner, and the content of a file in base64.
LOOK = r"""
while read -r path; do
  stat -c '%n|%F|%a|%U:%G' -- "$path" | tr '\n' '|'
  if [ -L "$path" ]; then readlink -- "$path" | base64 -w0; elif [ -f "$path" ]; then base64 -w0 < "$path"; fi; echo
done
"""


def picture(lab: Lab, names: Iterable[str] = MEMBERS) -> dict[str, Any]:
    """All that a run declares: files, units, packages, certificates of each host, configuration, roles, databases."""
    seen = {
        "hosts": {name: _host(lab.host(name)) for name in names},
        "config": patroni(lab, "pg1", "config"),
        "settings": {name: _settings(lab, name) for name in MEMBERS},
        "roles": sql(lab, ROLES, 5432, leader(lab).short_name),
        "databases": sql(lab, DATABASES, 5432, leader(lab).short_name),
        "control": sorted((path.name, oct(path.stat().st_mode)) for path in secrets_directory(lab).iterdir()),
    }
    plain: dict[str, Any] = json.loads(_anonymous(lab, json.dumps(seen, sort_keys=True)))
    return plain


def _host(host: Host) -> dict[str, Any]:
    ask = f"systemctl show -p Id -p ActiveState -p UnitFileState -p NeedDaemonReload {' '.join(UNITS)}"
    return {
        "files": _files(host),
        "units": run_in(host.container, ask) if host.kind == "pg" else "",
        "failed": run_in(host.container, "systemctl --failed --plain --no-legend"),
        "held": run_in(host.container, "apt-mark showhold").split(),
        "left": run_in(host.container, "ls -A /tmp /var/tmp | grep -v -e ^systemd-private -e -unix$ || true"),
    }


def _files(host: Host) -> dict[str, Any]:
    """What differs from the image below /etc and /usr, and what of that is there."""
    changes = [line.split(" ", 1) for line in docker("diff", host.container).splitlines()]
    ours = {path: kind for kind, path in changes if path.startswith(("/etc/", "/usr/", "/opt/", "/srv/"))}
    listed = sorted(path for path in ours if not path.startswith(VOLATILE))
    there = [path for path in listed if ours[path] != "D"]
    lines = run_in(host.container, LOOK, stdin="".join(f"{path}\n" for path in there)).splitlines()
    found = dict(_file(line) for line in lines)
    return {path: found.get(path, ours[path]) for path in listed}


def _file(line: str) -> tuple[str, list[Any]]:
    path, kind, mode, owner, content = line.split("|")
    return path, [kind, mode, owner, _content(path, base64.b64decode(content))]


def _content(path: str, content: bytes) -> Any:
    """Text as it is; of what is made anew for every host, that which it is for."""
    if path.endswith(".key"):
        return "a key"
    if path.endswith((".crt", ".pem")):
        return [_certificate(one) for one in x509.load_pem_x509_certificates(content)]
    return content.decode(errors="replace")


def _certificate(one: x509.Certificate) -> dict[str, Any]:
    extensions = {item.oid._name: item.value for item in one.extensions}
    names = extensions.get("subjectAltName")
    uses = extensions.get("extendedKeyUsage")
    return {
        "subject": one.subject.rfc4514_string(),
        "issuer": re.sub(r"[0-9a-f]{8,}", "...", one.issuer.rfc4514_string()),
        "names": [str(name.value) for name in names] if isinstance(names, x509.SubjectAlternativeName) else [],
        "uses": [use._name for use in uses] if isinstance(uses, x509.ExtendedKeyUsage) else [],
        "days": (one.not_valid_after_utc - one.not_valid_before_utc).days,
    }


def _settings(lab: Lab, name: str) -> dict[str, Any]:
    rows = sql(lab, SETTINGS, 5432, name)
    return {setting: value for setting, *value in rows if setting not in OF_THE_ROLE}


def _anonymous(lab: Lab, text: str) -> str:
    for name, value in secrets(lab).items():
        text = text.replace(value, f"<{name}>")
    network4, network6 = str(lab.subnet4)[: -len("0/24")], str(lab.subnet6)[: -len(":/64")]
    text = text.replace(network4, "192.0.2.").replace(network6, "2001:db8:")
    return re.sub(rf"\b{re.escape(lab.name)}\b", "lab", text)
