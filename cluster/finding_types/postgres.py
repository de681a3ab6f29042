"""The kinds of findings about text that is sorted in different ways, and about standbys that are late on purpose."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, REMARK, RUN, WARNING, Kind

POSTGRES_KINDS: Mapping[str, Kind] = {
    "locale-absent": Kind(
        *(ALARM, "PostgreSQL", "a host lacks the locale of a database: nobody can connect to that one there"),
        "As root there: `apt-get install -y locales && echo '{locale} UTF-8' >> /etc/locale.gen && locale-gen`.",
    ),
    "collation-outdated": Kind(
        *(WARNING, "PostgreSQL", "the C library sorts otherwise than when the indexes of a database were made"),
        "On the leader {where}: `runuser -u postgres -- reindexdb --concurrently {database}`, then "
        "`runuser -u postgres -- psql -c 'alter database \"{database}\" refresh collation version'`.",
    ),
    "collation-differs": Kind(
        *(WARNING, "PostgreSQL", "a standby sorts text otherwise than the leader: it may not find what is there"),
        f"Bring {{where}} and {{leader}} to one release of their system, the leader last; then `{RUN}/check.py` again.",
    ),
    "standby-delayed": Kind(
        *(REMARK, "PostgreSQL", "a standby is late on purpose, and streams when it has replayed what it has"),
        f"Wait; a new copy would be as late. To end that: `{RUN}/configure.py` takes recovery_min_apply_delay away.",
    ),
}
