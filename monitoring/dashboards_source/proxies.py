"""HAProxy and PgBouncer: what clients connect to."""

from __future__ import annotations

from monitoring.dashboards_source.panel import NO_IS_BAD, YES_IS_BAD, Board, Row, one

_BUSY = '{@member,proxy!="statistics"}'
_EACH = "{{member}} {{proxy}}"

BOARD = Board(
    "proxies",
    "HAProxy and pools",
    "What clients connect to: the ports of HAProxy, and the pools of PgBouncer where they are declared.",
    (
        Row(
            "HAProxy",
            (
                one(
                    "Primaries that it knows",
                    'member_proxy:servers:max{@member,proxy="primary"}',
                    about="One. None for a few seconds during a failover.",
                ),
                one("Replicas that it knows", 'member_proxy:servers:max{@member,proxy="replicas"}'),
                one("Sessions", f"member_proxy:sessions:max{_BUSY}", _EACH),
                one("Sessions in use", f"member_proxy:sessions:ratio{_BUSY}", _EACH, unit="percentunit", limit=0.8),
                one("Clients that wait for a connection", f"member_proxy:queue:max{_BUSY}", _EACH, limit=1),
                one("New connections per second", f"member_proxy:connections:rate5m{_BUSY}", _EACH, unit="ops"),
                one("Errors per second", f"member_proxy:errors:rate5m{_BUSY}", _EACH, unit="ops"),
                one("Traffic", f"member_proxy:bytes:rate5m{_BUSY}", _EACH, unit="Bps"),
            ),
        ),
        Row(
            "PgBouncer",
            (
                one("All processes answer", "member:pool_up:min{@member}", kind="states", states=NO_IS_BAD),
                one("Paused", "member:pool_paused:max{@member}", kind="states", states=YES_IS_BAD),
                one("Clients that work", "member:pool_clients:sum{@member}"),
                one("Clients that wait", "member:pool_waiting:sum{@member}", limit=1),
                one("Queries per second", "member:pool_queries:rate5m{@member}", unit="ops"),
            ),
        ),
    ),
)
