"""The types of findings about locales and collations, and about delayed standbys."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, REMARK, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "locale-absent": FindingType(
        *(ALARM, "PostgreSQL", "a host lacks the locale of a database: clients cannot connect to that database there"),
        "As root there: `apt-get install -y locales && echo '{locale} UTF-8' >> /etc/locale.gen && locale-gen`.",
    ),
    "collation-outdated": FindingType(
        *(WARNING, "PostgreSQL", "the C library sorts differently than when the indexes of a database were created"),
        "On the leader {where}: `runuser -u postgres -- reindexdb --concurrently {database}`, then "
        "`runuser -u postgres -- psql -c 'alter database \"{database}\" refresh collation version'`.",
    ),
    "collation-differs": FindingType(
        *(WARNING, "PostgreSQL", "a standby sorts text differently than the leader: queries may miss rows"),
        f"Bring {{where}} and {{leader}} to the same release, the leader last; then run `{RUN}/check.py` again.",
    ),
    "standby-delayed": FindingType(
        *(REMARK, "PostgreSQL", "replay on a standby is delayed on purpose; it streams once it has replayed its WAL"),
        f"Wait; a new copy would be delayed too. To end this: `{RUN}/configure.py` removes recovery_min_apply_delay.",
    ),
}
