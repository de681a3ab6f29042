"""Three hosts that do everything: PostgreSQL, etcd and HAProxy on each. The smallest cluster that outlives a host.

Copy it over inventory.py, or name it on the command line: pyinfra inventories/three_hosts.py deploys/cluster.py
"""

_shared = {
    "ssh_user": "admin",
    "postgres_hba": ["hostssl all all 192.0.2.0/24 scram-sha-256"],
    "postgres_databases": [{"name": "app"}],
}

postgres = [
    ("pg1.example.net", {**_shared, "cluster_address": "192.0.2.11"}),
    ("pg2.example.net", {**_shared, "cluster_address": "192.0.2.12"}),
    ("pg3.example.net", {**_shared, "cluster_address": "192.0.2.13"}),
]
etcd = ["pg1.example.net", "pg2.example.net", "pg3.example.net"]
haproxy = ["pg1.example.net", "pg2.example.net", "pg3.example.net"]
