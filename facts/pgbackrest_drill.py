"""The restore drills on the repository host: what they proved, and how far the one is that is under way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from shlex import quote
from typing import Any, cast

from pyinfra.api.exceptions import FactProcessError

from cluster.observed.pgbackrest import SeenDrill, SeenProof
from facts.answer import ASK, Answer, answers

_AWAIT = r"""
end=$(( $(date +%s) + {seconds} ))
while systemctl show -p ActiveState pgbackrest-drill | grep -qE '=(de)?activating$' && [ "$(date +%s)" -lt "$end" ]; do
  sleep 0.3
done
"""

# A directory without a proof is one in which none was made yet. One that cannot be read fails, and so does a proof.
_SCRIPT = r"""
proofs=/var/lib/pgbackrest-drill timer=/etc/systemd/system/pgbackrest-drill.timer
newest() {
  [ -d "$proofs" ] || return 0
  names=$(ls "$proofs") || return 1
  for name in $(printf '%s\n' "$names" | grep 'Z\.json$' | sort -r); do
    [ -z "$1" ] || grep -q '"verdict": "passed"' "$proofs/$name" || continue
    cat "$proofs/$name"
    return
  done
}
since() { [ ! -e "$timer" ] || stat -c %Y "$timer"; }
under_way() { cat /run/pgbackrest-drill/under-way.json 2>/dev/null || true; }
ask unit systemctl show -p LoadState -p ActiveState pgbackrest-drill
ask since since
ask last newest ''
ask passed newest passed
ask step under_way
"""
_COPIED = "ask copied du -sk {scratch}\n"


class PgbackrestDrill(Answer[SeenDrill]):
    """
    The newest proof of a restore drill, the newest one that passed, and the drill that is under way.

    + scratch: the directory of its copy, when its size is asked for, too
    + wait_seconds: for how long the end of the one under way is waited for
    """

    def command(self, scratch: str | None = None, wait_seconds: int = 0) -> str:
        """One script with all questions."""
        waiting = _AWAIT.format(seconds=wait_seconds) if wait_seconds else ""
        return ASK + waiting + _SCRIPT + (_COPIED.format(scratch=quote(scratch)) if scratch else "")

    def parsed(self, output: list[str]) -> SeenDrill:
        """The answers as one picture."""
        found = answers(output, ("unit", "since", "last", "passed", "step"))
        texts = {name: _text(name, *found[name]) for name in ("unit", "since", "last", "passed", "step")}
        unit = dict(line.split("=", 1) for line in texts["unit"].splitlines())
        under_way: Mapping[str, Any] = json.loads(texts["step"]) if texts["step"] else {}
        code, copied = found.get("copied", (1, ""))
        return {
            "installed": unit["LoadState"] == "loaded",
            "since": int(texts["since"]) if texts["since"] else None,
            "running": unit["ActiveState"] in ("activating", "deactivating"),
            "step": str(under_way.get("step", "")),
            # Files come and go meanwhile: an error of du's is none of the drill's.
            "done": int(copied.split()[0]) * 1024 if code == 0 else 0,
            "total": int(under_way.get("size", 0)),
            "last": _proof(texts["last"]),
            "passed": _proof(texts["passed"]),
        }


def _text(name: str, code: int, text: str) -> str:
    if code != 0:
        raise FactProcessError(f"the restore drill's {name} cannot be read: {text.strip()}")
    return text.strip()


def _proof(text: str) -> SeenProof | None:
    if not text:
        return None
    proof = json.loads(text)
    return cast(SeenProof, {name: proof.get(name) for name in SeenProof.__annotations__} | _lists(proof))


def _lists(proof: Mapping[str, Any]) -> dict[str, Any]:
    """What one that ended early does not have."""
    empty: dict[str, Any] = {"reasons": [], "notes": [], "seconds": {}, "databases": {}}
    return {name: proof.get(name) or value for name, value in empty.items()}
