"""PostgreSQL's log: what it says, and the timer that bounds its files."""

from __future__ import annotations

from typing import Any

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, role
from cluster.components.files import File
from cluster.components.rendering import program
from cluster.declared.model import Cluster
from cluster.settings.settings import Settings

DIRECTORY = "/var/log/postgresql"
PROGRAM = "/usr/local/bin/postgres-logs"
SERVICE, TIMER = "postgres-logs.service", "postgres-logs.timer"
SERVICE_PATH, TIMER_PATH = (f"/etc/systemd/system/{name}" for name in (SERVICE, TIMER))

MIB_KB = 1024
# How much finer than the bound files are, so that what is removed is little; and how large one may become that people
# open in an editor.
PARTS, LARGEST_FILE_MIB = 10, 100


def log_parameters(settings: Settings) -> dict[str, Any]:
    """PostgreSQL's parameters of its log. All of them take effect by a reload."""
    connections = "on" if settings.postgres_log_connections else "off"
    temporary = settings.postgres_log_temp_files_mib
    return {
        "logging_collector": "on",
        "log_destination": "stderr,jsonlog" if settings.postgres_log_json else "stderr",
        "log_directory": DIRECTORY,
        # A new name for each file: one that is written again would be bounded neither by age nor by size.
        "log_filename": "postgresql-%Y-%m-%d_%H%M%S.log",
        "log_file_mode": "0640",
        "log_rotation_age": "1d",
        "log_rotation_size": f"{min(LARGEST_FILE_MIB, settings.postgres_log_mib // PARTS)}MB",
        "log_truncate_on_rotation": "on",
        "log_line_prefix": "%m [%p] %q%u@%d %h %a ",
        "log_checkpoints": "on",
        "log_connections": connections,
        "log_disconnections": connections,
        "log_lock_waits": "on",
        "log_replication_commands": "on",
        "log_temp_files": -1 if temporary is None else temporary * MIB_KB,
        "log_autovacuum_min_duration": _ms(settings.postgres_log_autovacuum_ms),
        "log_min_duration_statement": _ms(settings.postgres_log_statement_ms),
        # With ddl the log would hold every password that is given to a role in SQL.
        "log_statement": "none",
    }


def _ms(milliseconds: int | None) -> int:
    return -1 if milliseconds is None else milliseconds


def logs_component(cluster: Cluster) -> Component:
    """Program, unit and timer that bound the files on a member."""
    files = (
        File(PROGRAM, program("postgres_logs.py"), mode="755"),
        File(SERVICE_PATH, _service(cluster.settings)),
        File(TIMER_PATH, _TIMER),
    )
    return Component(files=files, units=(Unit(TIMER, (TIMER_PATH, SERVICE_PATH), load=f"systemctl restart {TIMER}"),))


def _service(settings: Settings) -> str:
    words = f"{DIRECTORY} {settings.postgres_log_days} {settings.postgres_log_mib}"
    return f"""# Managed by pyinfra-patroni.
[Unit]
Description=Bound the log files of PostgreSQL

[Service]
Type=oneshot
# As root, who owns the directory: logrotate may have made files of its own there.
CapabilityBoundingSet=
ExecStart={PROGRAM} {words}
TimeoutStartSec=5min
# Every two minutes, and mostly without anything to say.
LogLevelMax=notice
SyslogLevel=notice
Nice=10
NoNewPrivileges=true
PrivateTmp=true
ProtectHome=true
ProtectSystem=strict
ReadWritePaths={DIRECTORY}
"""


_TIMER = f"""# Managed by pyinfra-patroni.
[Unit]
Description=Bound the log files of PostgreSQL

[Timer]
Unit={SERVICE}
OnActiveSec=1min
OnUnitActiveSec=2min
AccuracySec=30s

[Install]
WantedBy=timers.target
"""


COMPONENT = ComponentType(
    name="patroni_logs",
    on=role("postgres"),
    files=lambda cluster, node, secrets: logs_component(cluster),
    units=lambda cluster, node: (TIMER,),
    former_units=(TIMER,),
    owns=lambda cluster, node: (PROGRAM, SERVICE_PATH, TIMER_PATH),
)
