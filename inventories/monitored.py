"""A monitored cluster: three hosts with PostgreSQL, etcd, HAProxy and PgBouncer, one with backups, one that watches.

Every host serves metrics to those alone who have the scraper's certificate; mon1 has it, with Prometheus and
Alertmanager. docs/monitoring.md says what is where, and how a Prometheus of your own takes its place.
"""

_shared = {
    "ssh_user": "admin",
    "cluster_name": "shop",
    "postgres_hba": ["hostssl all all 192.0.2.0/24 scram-sha-256"],
    "postgres_databases": [{"name": "shop"}],
    "pgbouncer_on": "haproxy",
    "firewall_mode": "nftables",
    "firewall_monitoring_networks": ["198.51.100.7/32"],
    "monitoring": True,
}


def _host(name, last):
    return (f"{name}.example.net", {**_shared, "cluster_address": f"192.0.2.{last}"})


postgres = [_host("pg1", 11), _host("pg2", 12), _host("pg3", 13)]
etcd = ["pg1.example.net", "pg2.example.net", "pg3.example.net"]
haproxy = ["pg1.example.net", "pg2.example.net", "pg3.example.net"]
backup = [_host("backup1", 21)]
monitor = [_host("mon1", 31)]
