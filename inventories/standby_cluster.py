"""A cluster and its standby cluster at another site, in one inventory: read-only, up to date, ready to be promoted.

The standby cluster has its own etcd, secrets and CA; its roles and passwords are the source's. It streams from the
source's members, and takes what they no longer have from the source's repository.
"""

_shop = {
    "ssh_user": "admin",
    "cluster_name": "shop",
    "postgres_hba": ["hostssl all all 192.0.2.0/24 scram-sha-256"],
}
_shop_dr = {
    **_shop,
    "cluster_name": "shop-dr",
    "patroni_standby_of": "shop",
}

postgres = [
    ("shop1", {**_shop, "cluster_address": "192.0.2.11"}),
    ("shop2", {**_shop, "cluster_address": "192.0.2.12"}),
    ("shop3", {**_shop, "cluster_address": "192.0.2.13"}),
    ("dr1", {**_shop_dr, "cluster_address": "198.51.100.11"}),
    ("dr2", {**_shop_dr, "cluster_address": "198.51.100.12"}),
    ("dr3", {**_shop_dr, "cluster_address": "198.51.100.13"}),
]
etcd = ["shop1", "shop2", "shop3", "dr1", "dr2", "dr3"]
haproxy = ["shop1", "shop2", "shop3", "dr1", "dr2", "dr3"]
backup = [("shop-backup1", {**_shop, "cluster_address": "192.0.2.20"})]
