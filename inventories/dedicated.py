"""A host for each task: three for PostgreSQL, three for etcd, two for HAProxy, one for backups. PostgreSQL from PGDG.

etcd on hosts of its own does not share its disk with PostgreSQL, so a checkpoint never delays the leader's lock.
"""

_shared = {
    "ssh_user": "admin",
    "cluster_name": "orders",
    "cluster_network": "10.20.0.0/24",
    "cluster_extra_names": ["orders-db.example.net"],
    "packages_source": "pgdg",
    "postgres_version": 18,
    "postgres_admin_user": "orders_admin",
    "postgres_parameters": {"max_connections": 400, "work_mem": "16MB"},
    "postgres_hba": [
        "hostssl orders all 10.30.0.0/16 scram-sha-256",
        "hostssl all orders_admin 10.99.0.0/24 scram-sha-256",
    ],
    "postgres_databases": [{"name": "orders"}],
    "patroni_ttl": 40,
    "haproxy_replicas_fallback": "none",
    "pgbouncer_on": "haproxy",
    "vip_mode": "haproxy",
    "vip_write": ["10.20.0.100", "fd20::100"],
    "vip_read": ["10.20.0.101"],
    "vip_interface": "eth0",
}


def _host(name, last):
    return (f"{name}.example.net", {**_shared, "cluster_address": f"10.20.0.{last}"})


postgres = [_host("orders-pg1", 11), _host("orders-pg2", 12), _host("orders-pg3", 13)]
etcd = [_host("orders-etcd1", 21), _host("orders-etcd2", 22), _host("orders-etcd3", 23)]
haproxy = [_host("orders-lb1", 31), _host("orders-lb2", 32)]
backup = [_host("orders-backup1", 41)]
