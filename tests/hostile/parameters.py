"""PostgreSQL's parameters: values at the edge of what is accepted, and those that are refused, each with a word why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.inventory.parameters import problems_of
from cluster.observed.postgres import SeenParameter
from cluster.parameters.catalogue import catalogue
from cluster.parameters.owned import DANGERS, owned

# A value, and a word of the reason. For PostgreSQL 17.
REFUSED: tuple[tuple[str, Any, str], ...] = (
    ("max_conections", 300, "Did you mean max_connections?"),
    ("Timezon", "UTC", "Did you mean TimeZone?"),
    ("work_mem", "7XB", "it takes B, kB, MB, GB, TB"),
    ("work_mem", "7 mb", "it takes B, kB, MB, GB, TB"),
    ("work_mem", "", "is no number"),
    ("work_mem", "lots", "is no number"),
    ("work_mem", "1,5MB", "is no number"),
    ("work_mem", "9TB", "is above"),
    ("work_mem", True, "is no number"),
    ("work_mem", "0899", "octal"),
    ("work_mem", float("1e300"), "is above"),
    ("shared_buffers", "1kB", "is below 16 (8kB)"),
    ("checkpoint_timeout", "5m", "it takes us, ms, s, min, h, d"),
    ("checkpoint_timeout", "2d", "is above 86400"),
    ("checkpoint_timeout", "1s", "is below 30"),
    ("random_page_cost", -1, "is below 0"),
    ("log_statement", "some", "is none of none, ddl, mod, all"),
    ("Log_Statement", "on", "is none of"),
    ("autovacuum", "maybe", "neither on nor off"),
    ("autovacuum", "o", "neither on nor off"),
    ("autovacuum", " on", "neither on nor off"),
    ("autovacuum", "", "neither on nor off"),
    ("autovacuum", 2, "neither on nor off"),
    ("block_size", 4096, "cannot be set"),
    ("server_version", "18", "cannot be set"),
    ("stats_temp_directory", "x", "is no parameter of PostgreSQL 17"),
    ("old_snapshot_threshold", "1h", "but of 15 and 16"),
    ("io_method", "worker", "but of 18"),
    ("wal_keep_segments", 8, "wal_keep_size"),
    ("wal_keep_size", 0, "is below 16 (MB)"),
    ("wal_keep_size", "15MB", "is below 16 (MB)"),
    ("max_connections", 10, "below 25"),
    ("max_connections", 262143, "262143 are the most"),
    ("bonjour", "on", "Debian's builds"),
    ("huge_pages", "perhaps", "is none of"),
    ("min_wal_size", "2MB", "two segments"),
    ("vacuum_buffer_usage_limit", "64kB", "at least 128"),
    ("transaction_buffers", 17, "multiple of 16"),
    ("datestyle", "ISO, XYZ", "has the word 'xyz'"),
    ("DateStyle", "DMY, MDY", "contradicts itself"),
    ("lc_messages", "de_DE|x", "no name of a locale"),
    ("lc_time", "$(reboot)", "no name of a locale"),
    ("log_destination", "stderr,nowhere", "has the word 'nowhere'"),
    ("restrict_nonsystem_relation_kind", "table", "has the word 'table'"),
    ("recovery_min_apply_delay", "1h", "every standby would be late"),
    ("transaction_read_only", "on", "of one transaction"),
    ("superuser_reserved_connections", 200, "leaves no connection"),
)

# What is none of PostgreSQL's business, or is taken in another spelling.
ACCEPTED: Mapping[str, Any] = {
    "TimeZone": "Europe/Berlin",
    "log_timezone": "UTC",
    "DateStyle": "German",
    "IntervalStyle": "ISO_8601",
    "work_mem": " 0x400 kB ",
    "maintenance_work_mem": "64.5MB",
    "autovacuum": "t",
    "Jit": "of",
    "track_functions": "PL",
    "log_file_mode": "0600",
    "checkpoint_timeout": "1d",
    "deadlock_timeout": "1500000us",
    "random_page_cost": "1.1e0",
    "vacuum_cost_delay": "0.5ms",
    "synchronous_commit": "yes",
    "log_destination": "stderr,CSVLOG",
    "pg_stat_statements.max": 5000,
    "auto_explain.log_min_duration": "1s",
    "app.note": "anything",
    "max_conections": None,
    "search_path": "",
    "lc_messages": "",
    "lc_time": "de_DE.UTF-8",
    "log_parser_stats": "on",
}

# What a host or Patroni has to allow, and what must not come together.
_OF_THE_HOST = {"max_stack_depth", "huge_page_size", "io_method", "huge_pages", "wal_level"}
_TOGETHER = {"log_statement_stats", "log_parser_stats", "log_planner_stats", "log_executor_stats"}
_PROCESSES = {
    "max_connections",
    "max_wal_senders",
    "max_worker_processes",
    "autovacuum_max_workers",
    "autovacuum_worker_slots",
}


def edges(version: int) -> Iterator[dict[str, str]]:
    """Each parameter that is the user's at each of its edges, as many at a time as there are: round after round."""
    each = {name: list(_edges(name, known, version)) for name, known in catalogue(version).items() if _is_free(name)}
    for turn in range(max(map(len, each.values()))):
        yield {name: values[turn % len(values)] for name, values in each.items() if values}


def _is_free(name: str) -> bool:
    return owned(name, archives=True) is None and name not in {*DANGERS, *_OF_THE_HOST, *_TOGETHER}


def _edges(name: str, known: SeenParameter, version: int) -> Iterator[str]:
    if known["context"] == "internal":
        return
    values = {"bool": ["on", "F", "tru", "0"], "enum": known["words"]}.get(known["type"], [])
    if known["least"] is not None and known["most"] is not None:
        values = [f"{known['least']:.12g}", known["setting"], f"{known['most']:.12g}"][: 2 if name in _PROCESSES else 3]
    yield from (value for value in values if not problems_of(name, value, version))
