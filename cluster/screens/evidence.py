"""What support asks for of a host, by the name of a file: commands that read, and print no secret by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from cluster.components.component import Component
from cluster.components.patroni import CONFIG
from cluster.declared.model import Cluster, Node
from cluster.pki.certificates import ETCD

LINES = 2000
_PACKAGES = (
    "patroni python3-etcd python3-psycopg2 postgresql* etcd* haproxy* pgbouncer* pgbackrest* keepalived* frr* chrony* "
    "libc6 libssl* openssl systemd python3 linux-image-* prometheus* libpq5 libetpan*"
)
_PSQL = "runuser -u postgres -- psql -XAF ' | ' -p {port} -d postgres -c {statement}"

_EVERY_HOST: dict[str, str] = {
    "kernel": "uname -a; cat /etc/os-release; uptime; cat /proc/cmdline; sysctl vm.overcommit_memory vm.swappiness "
    "vm.dirty_ratio kernel.pid_max net.ipv4.tcp_keepalive_time 2>/dev/null; systemd-detect-virt",
    "memory": "free -m; cat /proc/meminfo; cat /sys/fs/cgroup/memory.max 2>/dev/null",
    "pressure": "cat /proc/loadavg; grep -H . /proc/pressure/* 2>/dev/null; vmstat 1 3 2>/dev/null; nproc",
    "disks": "df -hT; echo; df -i; echo; findmnt -l; echo; lsblk 2>/dev/null; cat /proc/diskstats /proc/mdstat 2>&1",
    "network": "ip -br address; ip route; ip -6 route; ss -s; ss -tlnp; cat /etc/hosts; cat /etc/resolv.conf",
    "time": "date --iso-8601=ns; timedatectl 2>/dev/null; "
    "chronyc -n tracking 2>/dev/null; chronyc -n sources 2>/dev/null",
    "packages": f"dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Abbrev}}\\n' {_PACKAGES} "
    "2>/dev/null | sort; "
    "apt-mark showhold; tail -n 200 /var/log/dpkg.log 2>/dev/null",
    "processes": "ps -eo pid,ppid,user,lstart,stat,rss,vsz,pcpu,comm,args --sort=pid | cut -c1-400; "
    "ls -l /proc/[0-9]*/exe 2>/dev/null | grep deleted",
    "units": "systemctl --failed --no-pager; systemctl list-timers --all --no-pager; systemctl status --no-pager -n 0 "
    "patroni etcd haproxy 'pgbouncer@*' keepalived vip pgbackrest 2>/dev/null",
    "kernel-log": f"journalctl -k --no-pager -n {LINES} 2>/dev/null",
}
# No text of a query: it may be anybody's data.
_STATEMENTS: dict[str, str] = {
    "activity": "select pid, usename, datname, application_name, client_addr, backend_type, state, wait_event_type, "
    "wait_event, now() - xact_start as in_transaction, now() - state_change as so_long from pg_stat_activity",
    "replication": "select * from pg_stat_replication",
    "receiver": "select pid, status, receive_start_lsn, written_lsn, flushed_lsn, received_tli, latest_end_lsn, "
    "latest_end_time, slot_name, sender_host, sender_port from pg_stat_wal_receiver",
    "slots": "select * from pg_replication_slots",
    "archiver": "select * from pg_stat_archiver",
    "databases": "select * from pg_stat_database",
    "locks": "select locktype, mode, granted, pid, count(*) from pg_locks group by 1, 2, 3, 4 order by 3, 4",
    "settings": "select name, setting, unit, source, sourcefile, pending_restart from pg_settings "
    "where source not in ('default', 'override') order by name",
    "file-errors": "select * from pg_file_settings where error is not null",
    "extensions": "select extname, extversion from pg_extension",
}


# What is longer is the same for everybody, as this project's own modules and dashboards are.
SHOWN = 65536


def evidence_of(cluster: Cluster, node: Node, components: Sequence[Component]) -> dict[str, str]:
    """
    The commands for one host, by the name of the file in the archive.

    + components: files and units of the host as declared
    """
    asked = dict(_EVERY_HOST)
    asked["configurations"] = _shown(sorted(_configurations(cluster, node, components)))
    if "postgres" in node.roles:
        asked |= _of_member(cluster)
    if "etcd" in node.roles:
        asked["etcd"] = _of_etcd(cluster, node)
    if "postgres" in node.roles or "backup" in node.roles:
        asked["pgbackrest"] = "runuser -u postgres -- pgbackrest info 2>&1; ls -la /var/spool/pgbackrest 2>&1"
    return asked


def _configurations(cluster: Cluster, node: Node, components: Sequence[Component]) -> Iterator[str]:
    for component in components:
        yield from (file.path for file in component.files if file.mode != "755" and len(file.content) <= SHOWN)
    if "postgres" in node.roles:
        names = ("postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "patroni.dynamic.json", "postmaster.opts")
        yield from (f"{cluster.data_directory}/{name}" for name in names)


def _shown(paths: Sequence[str]) -> str:
    listed = " ".join(map(quote, paths))
    return f'for f in {listed}; do echo "=== $f"; stat -c "%U %G %a %y" "$f" && cat "$f"; done 2>&1'


def _of_member(cluster: Cluster) -> dict[str, str]:
    data = quote(cluster.data_directory)
    port, ctl = cluster.settings.postgres_port, f"patronictl -c {CONFIG}"
    statements = "; ".join(
        f"echo '=== {name}'; {_PSQL.format(port=port, statement=quote(text))}" for name, text in _STATEMENTS.items()
    )
    return {
        "patroni": f"{ctl} list -e; {ctl} history; {ctl} show-config; {ctl} version; patroni --version",
        "postgres": f"{{ {statements}; }} 2>&1",
        "controldata": f"runuser -u postgres -- {cluster.bin_directory}/pg_controldata {data} 2>&1",
        "data-directory": f"ls -la {data} 2>&1; ls -lt {data}/pg_wal "
        "2>&1 | head -n 60; du -sh /var/log/postgresql 2>&1; ls -la /var/log/postgresql",
    }


def _of_etcd(cluster: Cluster, node: Node) -> str:
    own = node.address.url(cluster.settings.etcd_client_port)
    files = f"ETCDCTL_CACERT={ETCD.authority} ETCDCTL_CERT={ETCD.certificate} ETCDCTL_KEY={ETCD.key}"
    way = f"{files} etcdctl --endpoints={own}"
    keys = f"{way} get --prefix {quote(cluster.scope_key)}"
    return (
        f"{{ {way} endpoint status --cluster -w table; {way} endpoint health --cluster; {way} member list -w table; "
        f"{way} alarm list; {keys}; etcd --version; du -sh /var/lib/etcd; }} 2>&1"
    )
