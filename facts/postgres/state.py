"""The PostgreSQL of one member as it is now: one remote command, and readable as far as it goes while it is down."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any, cast

from cluster.observed.postgres import SeenPostgres
from facts.answer import ASK, Answer, answers
from facts.pgbackrest_restore import STATE
from facts.postgres import FILE_ERRORS, PSQL_SECONDS, SLOT, control_lines, json_line

# Where PostgreSQL is, Patroni's own file says: so the fact needs no argument, and asks about what really runs.
LISTENS = r"""
c=/etc/patroni/config.yml
of() { awk -v k="  $1:" '/^[a-z]/ { s = ($1 == "postgresql:") } s && index($0, k) == 1 { print $2 }' $c | tr -d "'\""; }
"""
WHERE = rf"""{LISTENS}
if [ ! -e $c ]; then echo "sql|1|$(printf 'Patroni is not configured here' | base64 -w0)"; echo 'control|1|'; exit 0; fi
port=$(of listen); port=${{port##*:}}
"""

_ASK = r"""
ask sql timeout %s \
  runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -h /var/run/postgresql -p "$port" -d postgres -c %s
ask control env LC_ALL=C runuser -u postgres -- "$(of bin_dir)/pg_controldata" -D "$(of data_dir)"
ask locales locale -a
ask restoring ls %s/order.json
"""

# https://www.postgresql.org/docs/current/monitoring-stats.html and view-pg-settings.html
_SQL = f"""
with here as (select pg_is_in_recovery() as standby)
select json_build_object(
  'version', current_setting('server_version_num')::int,
  'in_recovery', standby,
  'started_at', extract(epoch from pg_postmaster_start_time()),
  'timeline', case when standby then (select received_tli from pg_stat_wal_receiver)
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
  'written', (case when standby then greatest((select written_lsn from pg_stat_wal_receiver), pg_last_wal_replay_lsn())
    else pg_current_wal_lsn() end) - '0/0'::pg_lsn,
  'replayed', case when standby then pg_last_wal_replay_lsn() - '0/0'::pg_lsn end,
  'receiving', exists(select from pg_stat_wal_receiver where status = 'streaming'),
  'replay', case when standby then pg_get_wal_replay_pause_state() end,
  'apply_delay_ms', (select setting::bigint from pg_settings where name = 'recovery_min_apply_delay'),
  'settings', (select json_object_agg(lower(name), json_build_object('setting', setting, 'unit', unit, 'type', vartype,
      'shown', current_setting(name), 'default', boot_val, 'source', source, 'pending', pending_restart))
    from pg_settings where context = 'postmaster' or pending_restart),
  'configured', (select coalesce(json_object_agg(lower(name), json_build_object('setting', setting, 'unit', unit,
      'type', vartype, 'shown', current_setting(name), 'default', boot_val,
      'source', coalesce(sourcefile, source))), '{{}}')
    from pg_settings where source in ('configuration file', 'command line')),
  'altered', (select coalesce(json_object_agg(lower(name), setting order by seqno), '{{}}') from pg_file_settings
    where sourcefile like '%/postgresql.auto.conf' and name is not null),
  'file_errors', ({FILE_ERRORS}),
  'replication', (select coalesce(json_agg(json_build_object('name', application_name, 'state', state,
      'sync', sync_state, 'behind', case when standby then null else pg_current_wal_lsn() - replay_lsn end)
      order by application_name), '[]') from pg_stat_replication),
  'slots', (select coalesce(json_agg(json_build_object({SLOT}, 'active', active,
      'status', wal_status, 'retained', (case when standby then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)
      - restart_lsn) order by slot_name), '[]') from pg_replication_slots s),
  'archiver', (select json_build_object('mode', current_setting('archive_mode'), 'archived', archived_count,
      'failed', failed_count, 'last_archived_at', extract(epoch from last_archived_time),
      'waiting', (select count(*) from pg_ls_archive_statusdir() where name like '%.ready'),
      'waiting_seconds', (select extract(epoch from now() - min(modification)) from pg_ls_archive_statusdir()
        where name like '%.ready'),
      'last_archived', last_archived_wal, 'last_archived_seconds', extract(epoch from now() - last_archived_time),
      'last_failed', last_failed_wal, 'last_failed_at', extract(epoch from last_failed_time)) from pg_stat_archiver),
  'collations', (select coalesce(json_agg(json_build_object('database', datname, 'collate', datcollate,
      'ctype', datctype, 'recorded', datcollversion, 'actual', pg_database_collation_actual_version(oid),
      'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datcollate)) order by datname),
      '[]') from pg_database d where datallowconn),
  'prepared', (select json_build_object('count', count(*), 'oldest_seconds',
      coalesce(extract(epoch from max(now() - prepared)), 0)) from pg_prepared_xacts),
  'backup_seconds', (select extract(epoch from max(now() - backend_start)) from pg_stat_activity
    where application_name = 'pgBackRest [backup]'),
  'connections', (select count(*) from pg_stat_activity where backend_type = 'client backend'),
  'transactions', (select coalesce(json_agg(json_build_object('pid', pid, 'user', usename, 'database', datname,
      'application', application_name, 'state', state, 'seconds', extract(epoch from now() - xact_start))
      order by xact_start), '[]') from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start < now() - interval '60 seconds')
) from here
"""

_NOTHING: dict[str, Any] = {
    "version": 0,
    "in_recovery": None,
    "started_at": 0.0,
    "timeline": None,
    "written": None,
    "replayed": None,
    "receiving": False,
    "replay": None,
    "apply_delay_ms": 0,
    "settings": {},
    "configured": {},
    "altered": {},
    "file_errors": [],
    "replication": [],
    "slots": [],
    "archiver": None,
    "prepared": None,
    "backup_seconds": None,
    "connections": None,
    "transactions": [],
}

_CONTROLLED = {
    "max_connections setting": "max_connections",
    "max_worker_processes setting": "max_worker_processes",
    "max_wal_senders setting": "max_wal_senders",
    "max_prepared_xacts setting": "max_prepared_transactions",
    "max_locks_per_xact setting": "max_locks_per_transaction",
}


class PostgresState(Answer[SeenPostgres]):
    """
    One member's PostgreSQL: role, positions in the WAL, the settings that wait for a restart or take one, replication,
    slots, archiver, prepared and long transactions; and what pg_controldata says, also while it is down.

    Returns ``{"answers": bool, "error": str, "version": 170012, "in_recovery", "started_at": seconds since the epoch,
    "timeline", "written": bytes of WAL written (primary) or received (standby), "replayed": bytes, "receiving": bool,
    "replay": "not paused", "pause requested" or "paused", "apply_delay_ms", "settings": {name: {setting, unit, type,
    shown, default, source, pending}}, "configured": {name: the same of what a file or the command line set}, "altered":
    {name: value that ALTER SYSTEM set}, "file_errors": [``FileErrors``], "replication": [{name, state, sync, behind}],
    "slots": [{name, type, database, plugin, temporary, failover, synced, active, status, retained}], "archiver",
    "prepared": {count, oldest_seconds},
    "backup_seconds": age of pgBackRest's session or None, "connections": count, "transactions": [those older than a
    minute], "collations": [{database, locale, collate, ctype, "recorded": version with which it was made, "actual":
    with which this host sorts}], "locales": [those of this host], "control": {five settings, "identifier", "state",
    "timeline"} or None, "restoring": a restore is not finished here}``. ``answers`` is False when psql got no answer,
    and then ``error`` says why; collations and locales are not there where they could not be asked for. Names of
    parameters are in lower case. Sizes in bytes.
    """

    def command(self) -> str:
        """One script: the server, its control file, the C library, and whether it is being restored."""
        return WHERE + ASK + _ASK % (PSQL_SECONDS, quote(" ".join(_SQL.split())), STATE)

    def parsed(self, output: list[str]) -> SeenPostgres:
        """All answers as one picture."""
        found = answers(output, ("sql", "control"))
        code, text = found["sql"]
        error = "" if code == 0 else " ".join(text.split())
        seen = {"answers": code == 0, "error": error, "control": _control(*found["control"])}
        seen["restoring"] = found.get("restoring", (1, ""))[0] == 0
        if (locales := found.get("locales", (1, "")))[0] == 0:
            seen["locales"] = locales[1].split()
        return cast(SeenPostgres, {**_NOTHING, **(json_line(text) if code == 0 else {}), **seen})


_AWAIT = r"""
end=$(( $(date +%%s) + %d ))
while :; do
  now=$(LC_ALL=C runuser -u postgres -- "$(of bin_dir)/pg_controldata" -D "$(of data_dir)") || exit 1
  if printf '%%s\n' "$now" | awk -F': *' '%s { bad = 1 } END { exit bad }'; then echo yes; exit 0; fi
  [ "$(date +%%s)" -lt "$end" ] || { echo no; exit 0; }
  sleep 0.2
done
"""


class ReplayAwaited(Answer[bool]):
    """
    Whether a standby has replayed lower values of the five settings that it must have as high as its primary.

    + most: setting to the value that its control file shall have at most
    + wait_seconds: how long to wait for that
    """

    def command(self, most: Mapping[str, int], wait_seconds: int = 0) -> str:
        """Look at the control file until it has them."""
        lines = {name: words for words, name in _CONTROLLED.items()}
        still_higher = " || ".join(f'($1 == "{lines[name]}" && $2 > {value})' for name, value in most.items())
        return WHERE + _AWAIT % (wait_seconds, still_higher)

    def parsed(self, output: list[str]) -> bool:
        """One word."""
        return output[-1] == "yes"


def _control(code: int, text: str) -> dict[str, Any] | None:
    if code != 0:
        return None
    lines = control_lines(text)
    return {
        **{name: int(lines[words]) for words, name in _CONTROLLED.items()},
        "identifier": lines["Database system identifier"],
        "state": lines["Database cluster state"],
        "timeline": int(lines["Latest checkpoint's TimeLineID"]),
    }
