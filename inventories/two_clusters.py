"""Two clusters in one inventory. Hosts with the same cluster_name belong together; nothing of one reaches the other.

Each has its own directory for secrets and CA: .secrets/shop/ and .secrets/billing/.
"""

_shop = {
    "ssh_user": "admin",
    "cluster_name": "shop",
    "postgres_hba": ["hostssl all all 192.0.2.0/24 scram-sha-256"],
}
_billing = {
    "ssh_user": "admin",
    "cluster_name": "billing",
    "postgres_hba": ["hostssl all all 198.51.100.0/24 scram-sha-256"],
    "patroni_failsafe": True,
}

postgres = [
    ("shop1", {**_shop, "cluster_address": "192.0.2.11"}),
    ("shop2", {**_shop, "cluster_address": "192.0.2.12"}),
    ("shop3", {**_shop, "cluster_address": "192.0.2.13"}),
    ("billing1", {**_billing, "cluster_address": "198.51.100.11"}),
    ("billing2", {**_billing, "cluster_address": "198.51.100.12"}),
    ("billing3", {**_billing, "cluster_address": "198.51.100.13"}),
]
etcd = ["shop1", "shop2", "shop3", "billing1", "billing2", "billing3"]
haproxy = ["shop1", "shop2", "shop3", "billing1", "billing2", "billing3"]
