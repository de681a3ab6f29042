"""How near a primary's PostgreSQL is to limits of its own, and what is damaged in its databases."""

from __future__ import annotations

import json
from shlex import quote
from typing import cast

from cluster.observed.health import SeenPostgresHealth
from facts.answer import Answer
from facts.postgres.state import LISTENS

# Enough for a look; a host of thousands of databases is not to be busy with it.
DATABASES = 100
SECONDS = 15

# Whoever may create an object in a database may name it like one of PostgreSQL's own: so no other schema is looked in.
_LOOK = r"""
export PGOPTIONS='-c search_path=pg_catalog -c statement_timeout=5s'
cd /
ask() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -h /var/run/postgresql -p "$port" "$@" </dev/null; }
cluster=$(ask -d postgres -c "$1") || exit 1
printf '%s\n' "$cluster"
case $cluster in *'"standby" : true'*) exit 0 ;; esac
names=$(ask -d postgres -c "$2") || exit 1
printf '%s\n' "$names" | while IFS= read -r name; do ask -d "$name" -c "$3" || exit 1; done
"""

# https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
_CLUSTER = """
select json_build_object('standby', pg_is_in_recovery(),
  'freeze_max_age', current_setting('autovacuum_freeze_max_age')::bigint,
  'multixact_freeze_max_age', current_setting('autovacuum_multixact_freeze_max_age')::bigint,
  'ages', (select json_object_agg(datname, json_build_object('transactions', age(datfrozenxid),
    'multixacts', mxid_age(datminmxid))) from pg_database),
  'checksum_failures', (select coalesce(json_object_agg(coalesce(datname, '(shared)'), json_build_object(
    'count', checksum_failures, 'seconds', extract(epoch from now() - checksum_last_failure))), '{}')
    from pg_stat_database where checksum_failures > 0))
"""
_NAMES = f"select datname from pg_database where datallowconn and datname !~ '[[:cntrl:]]' order by 1 limit {DATABASES}"
# What is being built is invalid until it is there.
_DATABASE = """
select json_build_object('database', current_database(),
  'sequences', (select coalesce(json_agg(json_build_object('name', format('%I.%I', schemaname, sequencename),
      'percent', used) order by used desc), '[]')
    from (select *, case when increment_by > 0
        then 100.0 * (last_value - min_value::numeric) / nullif(max_value::numeric - min_value, 0)
        else 100.0 * (max_value::numeric - last_value) / nullif(max_value::numeric - min_value, 0) end as used
      from pg_sequences where not cycle and last_value is not null) s where used >= 75),
  'invalid', (select coalesce(json_agg(format('%I.%I', n.nspname, c.relname) order by 1), '[]')
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    where not i.indisvalid and c.relkind = 'i'
      and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)))
"""


class PostgresHealth(Answer[SeenPostgresHealth | None]):
    """
    Ages of transaction IDs, pages with a wrong checksum, sequences that are used to three quarters, invalid indexes;
    None where PostgreSQL does not answer, which is told elsewhere. A standby has its primary's, so it is not asked for
    what is in its databases.
    """

    def command(self) -> str:
        """A program with three questions; the last one goes to each database."""
        words = " ".join(quote(" ".join(text.split())) for text in (_CLUSTER, _NAMES, _DATABASE))
        script = f"port=$port timeout {SECONDS} sh -c {quote(_LOOK)} health {words} 2>/dev/null || echo null"
        return f"{LISTENS}[ -e $c ] || exit 0\nport=$(of listen); port=${{port##*:}}\n{script}"

    @staticmethod
    def default() -> None:
        """It said nothing."""

    def parsed(self, output: list[str]) -> SeenPostgresHealth | None:
        """The first line is of all of it, then one of each database; a null tells that not all were read."""
        told = [json.loads(line) for line in output if line.startswith(("{", "null"))]
        if not told or None in told:
            return None
        whole, *databases = told
        return cast(SeenPostgresHealth, {**whole, "databases": databases})
