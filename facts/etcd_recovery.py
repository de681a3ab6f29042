"""What a host has of etcd when etcd has lost its quorum: data, running or not, and snapshots."""

from __future__ import annotations

import json
from shlex import quote

from cluster.components.etcd import etcdctl
from cluster.observed.etcd import SeenEtcdRecovery, SeenSnapshot
from facts.answer import ASK, Answer, answers
from facts.etcd import HERE
from facts.etcd_snapshots import named

# A database in use is locked: the member that runs says its revision itself, of others a copy is read. The newest
# snapshots are enough; each is read whole, for a damaged one must not count.
_SCRIPT = r"""
ectl() {{ {etcdctl} "$@"; }}
tool=etcdutl; command -v etcdutl > /dev/null || tool=etcdctl
number() {{ grep -o '"revision":[0-9]*' | head -n 1 | cut -d: -f2 | grep .; }}
revision() {{ env ETCDCTL_API=3 $tool -w json snapshot status "$1" 2> /dev/null | number; }}
active=no; systemctl is-active --quiet etcd && active=yes
active() {{ echo $active; }}
quorum() {{ [ $active = yes ] && ectl get --limit=1 --keys-only {prefix} > /dev/null; }}
data() {{ [ -e {data}/member/snap/db ]; }}
kept() {{
  for f in {data}/member/snap/db {data}.before-*/member/snap/db; do
    [ -e "$f" ] || continue
    if [ $active = yes ] && [ "$f" = {data}/member/snap/db ]; then at=$(ectl endpoint status -w json | number)
    else
      copy=$(mktemp -p /var/tmp) && cp -- "$f" "$copy" && at=$(revision "$copy"); code=$?; rm -f "$copy"
      [ $code -eq 0 ] || at=
    fi
    echo "$f|$(stat -c %Y -- "$f")|$at"
  done
}}
snapshots() {{
  [ -e {snapshots} ] || return 0
  find {snapshots} -maxdepth 1 -name '*.db' | sort -r | head -n 3 | while IFS= read -r f; do
    if revision "$f" > /dev/null; then echo "$f"; else echo "damaged $f"; fi
  done
}}
order() {{ [ ! -e {notes}/order.json ] || cat {notes}/order.json; }}
for name in active quorum data kept snapshots order; do ask $name $name; done
ask now date +%s
"""


class EtcdRecovery(Answer[SeenEtcdRecovery]):
    """
    What is left of etcd on this host, see ``SeenEtcdRecovery``. Asks nothing of other hosts but what takes the quorum.

    + data: etcd's data directory
    + prefix: of the cluster's keys
    + snapshots: the directory of the snapshots
    + notes: the directory of the note about a rebuilding that was begun
    + endpoint: under which the etcd here serves this host
    """

    def command(self, data: str, prefix: str, snapshots: str, notes: str, endpoint: str = HERE[0]) -> str:
        """One script of short questions."""
        places = {"data": quote(data), "prefix": quote(prefix), "snapshots": quote(snapshots), "notes": quote(notes)}
        return ASK + _SCRIPT.format(etcdctl=etcdctl([endpoint], quick=True), **places)

    def parsed(self, output: list[str]) -> SeenEtcdRecovery:
        """The answers as one picture."""
        names = ("active", "quorum", "data", "kept", "snapshots", "order", "now")
        found = answers(output, names)
        listed = found["snapshots"][1].splitlines()
        note = found["order"][1]
        return {
            "active": found["active"][1] == "yes",
            "quorum": found["quorum"][0] == 0,
            "data": found["data"][0] == 0,
            "kept": [_kept(line) for line in found["kept"][1].splitlines() if not line.endswith("|")],
            "snapshots": list(named(line for line in listed if line.startswith("/"))),
            "damaged": [line.partition(" ")[2] for line in listed if line.startswith("damaged ")],
            "order": json.loads(note) if note else None,
            "now": int(found["now"][1]),
        }


def _kept(line: str) -> SeenSnapshot:
    path, at, revision = line.rsplit("|", 2)
    return {"path": path, "at": int(at), "revision": int(revision)}
