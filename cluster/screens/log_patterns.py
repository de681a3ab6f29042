"""
Which lines of the logs matter after an incident, and what they mean; by component, the first pattern that fits counts.

A line that fits none is shown when its component calls it a warning or worse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

NOISE = None  # what comes all the time, and says that all is as it was


@dataclass(frozen=True)
class LogPattern:
    """
    Lines of one kind.

    + text: a regular expression, found anywhere in the line
    + meaning: what one has to know to understand it; "": it speaks for itself; None: it is not shown
    """

    text: str
    meaning: str | None


def _patterns(*rows: tuple[str, str | None]) -> tuple[LogPattern, ...]:
    return tuple(LogPattern(text, meaning) for text, meaning in rows)


# Of every component: what systemd says of its units.
UNITS = _patterns(
    (r"Main process exited, code=(killed|dumped)", "the service was killed; of PostgreSQL see the kernel's lines"),
    (r"Failed with result", "the service has ended by itself, and not well"),
    (r"Scheduled restart job", "systemd starts it again"),
    (r"Start request repeated too quickly", "systemd gives up: start it by hand when the cause is gone"),
    (r"^(Starting|Finished|Stopping) |Deactivated successfully|Consumed .*CPU time|unit to finish|killing", NOISE),
    (r"^(Started|Stopped|Reloaded) (patroni|etcd|haproxy|keepalived|vip|pgbouncer|pgbackrest\.service)", ""),
    (r"^(Started|Stopped|Reloaded|Reloading) ", NOISE),
)

PATRONI = _patterns(
    (r"no action\. I am|Lock owner: (?!None)|establishing a new patroni|closed patroni connections|Reaped pid", NOISE),
    (r"Lock owner: None", "there is no leader at this moment"),
    (r"promoted self to leader", "this member takes over: it is the primary from here on"),
    (r"acquired session lock as a leader|initialized a new cluster", "it has the leader's key in etcd"),
    (r"demoted self because failed to update leader lock", "it could not renew its key in etcd in time"),
    (r"demoting self because DCS is not accessible|DCS is not accessible", "it cannot reach etcd's quorum"),
    (r"[Dd]emot(ing|ed) (self|myself)", "the primary gives up its role"),
    (r"continue to run as a leader because failsafe mode", "etcd is silent, and all members still answer the leader"),
    (r"received (switchover|failover|restart) request|manual failover", "it was asked for"),
    (
        r"Got response from|Local timeline=|primary_timeline=|[Cc]leaning up failover key|checkpoint=|postmaster pid",
        NOISE,
    ),
    (r"ahead of my wal position|exceeds maximum replication lag|not the healthiest", "another one is the better heir"),
    (r"[Cc]ould not take out TTL lock|trying and failing to obtain lock", "another member was faster"),
    (r"running pg_rewind", "it was ahead of the new leader: what only it had is taken back"),
    (r"crash recovery in a single user mode", "PostgreSQL had not been shut down, and is repaired before a rewind"),
    (r"bootstrap|replica has been created|[Cc]reat(ed|ing) replica", "it gets a new copy of the data"),
    (r"following a different leader|[Ff]ollowing new leader|starting as a secondary|starting as readonly", ""),
    (
        r"Failed to get list of machines|Request to server .* failed|[Rr]etry got exception",
        "an etcd does not answer it",
    ),
    (r"Selected new etcd server", "it asks another etcd from here on"),
    (r"No PostgreSQL configuration items changed", NOISE),
    (r"Changed .* from .* to|configuration items changed", "its configuration was changed"),
    (r"^INFO: PAUSE|in maintenance mode|Cluster is paused", "Patroni is paused: there is no failover"),
    (r"[Dd]ropp?(ed|ing) (unknown|physical|logical)? ?replication slot", "a slot is gone, with the WAL that it kept"),
    (r"No such file or directory: '/dev/watchdog'|'/dev/watchdog': No such", NOISE),
    (r"[Ww]atchdog", ""),
    (r"^INFO: (stopped|restarted|starting|Restarting|Reloading)|no longer be|Deregistered", NOISE),
)

POSTGRES = _patterns(
    (r"(STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION):  ", NOISE),
    (r"connection (received|authenticated|authorized)|disconnection: |received replication command", NOISE),
    (r"application_name=pyinfra|the database system is (starting up|shutting down|not yet)", NOISE),
    (r"checkpoints are occurring too frequently", "much is written: raise max_wal_size"),
    (
        r"checkpoint (starting|complete)|restartpoint |recovery restart point|received SIGHUP|automatic (vacuum|anal)",
        NOISE,
    ),
    (r"still waiting for", "a lock holds it up: see pg_locks, and which session has it"),
    (
        r"LOG:  process \d+ acquired|temporary file: |starting (PostgreSQL|backup)|listening on |redo done|at log time",
        NOISE,
    ),
    (r"received promote request|selected new timeline", "it becomes the primary"),
    (r"database system is ready to accept read-only", "it serves readers, as a standby"),
    (r"database system is ready to accept", "it serves clients, as a primary"),
    (r"received (fast|immediate|smart) shutdown", "it was told to stop"),
    (r"was interrupted|was not properly shut down", "it had ended without a shutdown, and recovers"),
    (r"database system (is|was) shut down|shutting down$|aborting any active|redo starts at|entering standby mode", ""),
    (r"terminated by signal 9", "it was killed: look for out of memory in the kernel's lines"),
    (r"was terminated by signal|terminating any other active|reinitializing", "a crash: all sessions end"),
    (r"started streaming WAL", "the standby follows"),
    (r"has already been removed", "the primary has not kept the WAL that it needs: from the archive, or a new copy"),
    (r"could not connect to the primary|could not receive data from WAL|terminated by primary", "it lost its primary"),
    (r"forked off current database system timeline", "it is ahead of its new leader: a rewind or a new copy"),
    (
        r"waiting for WAL to become available|invalid record length|record with incorrect prev",
        "it waits for its leader",
    ),
    (r"too many clients|remaining connection slots", "max_connections is reached"),
    (r"No space left on device", "the disk is full"),
    (r"invalid page|checksum|could not read (block|from)|unexpected data beyond EOF|missing chunk", "data are damaged"),
    (r"archive command failed|archiving (write-ahead|transaction) log file .* failed", "WAL is not archived"),
    (r"no pg_hba.conf entry|authentication failed|certificate verify failed", "a client was not let in"),
    (
        r"terminating connection due to administrator|terminating walsender|terminating walreceiver",
        "sessions are ended",
    ),
    (r"due to conflict with recovery", "a query on the standby was in the way of replay"),
    (r"wait for synchronous replication", "a commit did not get its synchronous standby"),
    (
        r"(is now|became) a (candidate for )?(quorum |potential )?synchronous|synchronous standby",
        "who is waited for changes",
    ),
    (r"parameter \"primary_(conninfo|slot_name)\" changed", NOISE),
    (r"parameter .* changed to|cannot be changed without|contains errors", "its configuration was changed"),
    (r"duration: \d+", "a slow statement"),
)

ETCD = _patterns(
    (r"rejected connection on client endpoint .*error=(EOF|read tcp)|trace\[|database snapshot|/health OK", NOISE),
    (
        r"scheduled compaction|compact tree|saved snapshot|purge|established TCP|stream reader|closed TCP|became act"
        r"|simple token|single port",
        NOISE,
    ),
    (r"became leader at term|elected leader", "etcd has a leader: with it, a quorum"),
    (r"lost leader|is starting a new election|became (pre-)?candidate", "etcd elects: nothing is written meanwhile"),
    (r"failed to send out heartbeat on time", "etcd's leader is overloaded, mostly by a slow disk"),
    (r"slow fdatasync", "etcd's disk is slow: leader keys may expire"),
    (r"apply request took too long|took too long", "etcd is slow: disk, processor or network"),
    (
        r"unhealthy status|peer became inactive|lost TCP streaming|failed to reach the peer|dropped .* raft message",
        "a member of etcd does not answer this one",
    ),
    (r"NOSPACE|database space exceeded", "etcd is full and refuses writes"),
    (r"rejected connection|remote error: tls|certificate", "a client or member was not let in"),
    (r"request timed out|timed out waiting for read index|context deadline", "etcd has no quorum, or is slow"),
    (r"received signal|ready to serve client|added member|removed member|promoted? .*member", ""),
)

HAPROXY = _patterns(
    (r"<NOSRV>", "a client found no server"),
    (r"^\S+ \[\d+/\w+/\d{4}:|Health check for server|Connect from|Proxy \S+ (started|stopped)|Loading success", NOISE),
    (r" is (UP|DOWN) via ", NOISE),
    (r"is DOWN", "clients are not led there any more"),
    (r"is UP", "clients are led there"),
    (r"no server available", "clients get no connection at this port"),
    (r"is going DOWN for maintenance|is UP/READY", "a run has changed it"),
    (r"NOTICE|New worker|Initializing|haproxy version|path to executable|Exiting|All workers|\[haproxy\.main", NOISE),
)

PGBOUNCER = _patterns(
    (
        r"login attempt|closing because: client (close|unexpected)|new connection to server|stats: |SSL established",
        NOISE,
    ),
    (r"PAUSE|RESUME|DISABLE|ENABLE|wait_close", "a run lets clients wait, or go on"),
    (r"query_wait_timeout", "a client waited for a connection in vain"),
    (r"no more connections allowed", "max_client_conn is reached"),
    (
        r"server (conn(ect)?|login)[^:]*(crashed|failed|refused)|connect failed|server_login_retry"
        r"|closing because: .*server",
        "its server is gone",
    ),
    (r"pooler error", "a client was refused"),
)

KEEPALIVED = _patterns(
    (r"Entering MASTER STATE", "this host has the address from here on"),
    (r"Entering BACKUP STATE", "this host has not got the address"),
    (r"Entering FAULT STATE|now returning [1-9]|failed", "this host cannot serve"),
    (r"now returning 0|succeeded", ""),
)

PGBACKREST = _patterns(
    (r"archive-(push|get)|push \d+ WAL|found \S+ in the|process max|-----", NOISE),
    (r"ERROR: +\[\d+\]", ""),
    (r"backup command begin|new backup label|backup command end|restore command", ""),
    (r"P\d+ +INFO: ", NOISE),
)

EVERYTHING = _patterns((r".", ""))

PATTERNS: Mapping[str, tuple[LogPattern, ...]] = {
    "patroni": (*UNITS, *PATRONI),
    "postgres": POSTGRES,
    "etcd": (*UNITS, *ETCD),
    "haproxy": (*UNITS, *HAPROXY),
    "pgbouncer": (*UNITS, *PGBOUNCER),
    "keepalived": (*UNITS, *KEEPALIVED),
    "pgbackrest": (*UNITS, *PGBACKREST),
    "vip": (*UNITS, *EVERYTHING),
    "kernel": EVERYTHING,
    "run": EVERYTHING,
}


@cache
def _compiled(component: str) -> tuple[tuple[re.Pattern[str], str | None], ...]:
    rows: Iterable[LogPattern] = PATTERNS.get(component, UNITS)
    return tuple((re.compile(one.text), one.meaning) for one in rows)


def meaning_of(component: str, text: str, *, grave: bool) -> str | None:
    """
    What a line means; "" where it speaks for itself; None where it is not shown.

    + grave: whether its component calls it a warning or worse
    """
    for pattern, meaning in _compiled(component):
        if pattern.search(text):
            return meaning
    return "" if grave else None
