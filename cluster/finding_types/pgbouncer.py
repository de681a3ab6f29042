"""The types of findings about the pools of PgBouncer."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "pgbouncer-silent": FindingType(
        *(
            ALARM,
            "pool",
            "a process of PgBouncer runs and does not answer, so its clients get nothing",
        ),
        "See `journalctl -u {unit} -n 50` on {where}, then `systemctl restart {unit}` there: its clients reconnect.",
    ),
    "pgbouncer-paused": FindingType(
        *(ALARM, "pool", "a pool is paused and no run is under way: its clients wait, and are disconnected in the end"),
        "`runuser -u postgres -- psql -h /run/pgbouncer/{name} -p {port} -U pgbouncer -c RESUME` on {where}.",
    ),
    "pgbouncer-waiting": FindingType(
        *(WARNING, "pool", "a client has waited for a connection to a member for more than five seconds"),
        "Look for long transactions in pg_stat_activity; `pgbouncer_pool_size` gives more, see docs/pooling.md.",
    ),
    "pgbouncer-databases": FindingType(
        *(
            WARNING,
            "pool",
            "more databases use a pool than are declared: it may open more connections than planned",
        ),
        f"Declare as many in pgbouncer_databases, then run `{RUN}/cluster.py`: the sizes are derived again.",
    ),
    "pgbouncer-settings": FindingType(
        *(WARNING, "pool", "a process of PgBouncer runs with other settings than declared"),
        f"Run `{RUN}/cluster.py`; if it says that nothing is to be done, `systemctl reload {{unit}}` on {{where}}.",
    ),
}
