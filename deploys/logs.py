"""Show what all hosts have logged in one view, in the order of time, filtered to what matters: after an incident.

    pyinfra inventory.py deploys/logs.py [--data since=10min] [--data until=2026-11-26T10:00] [--data host=pg1]
        [--data component=patroni] [--data all=true]

Patroni, PostgreSQL, etcd, HAProxy, PgBouncer, keepalived, pgBackRest, the kernel's complaints, and what runs of ours
did. Changes nothing, asks nothing, and works while hosts are dead: it names them. With `--json` it prints one JSON
document. Refuses only errors in the inventory, and a span or a host that is none.
"""

from deploys.parts.begin import look_alone
from deploys.parts.options import option
from operations.live.logs import print_logs, span_of

words = {"host": option("host"), "component": option("component"), "everything": option("all")}
span = span_of(option("since") or "1h", option("until"), **words)

look_alone("logs.py", lambda clusters: print_logs(clusters, span))
