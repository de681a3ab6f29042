"""Three hosts that have IPv6 addresses only, and an address that follows the primary."""

_shared = {
    "ssh_user": "admin",
    "cluster_name": "six",
    "cluster_network": "2001:db8:6::/64",
    # The primary and a replica, each at an address of its own.
    "vip_mode": "leader",
    "vip_write": ["2001:db8:6::100"],
    "vip_read": ["2001:db8:6::101"],
    "postgres_hba": ["hostssl all all 2001:db8::/32 scram-sha-256"],
}

postgres = [
    ("six1", {**_shared, "cluster_address": "2001:db8:6::11"}),
    ("six2", {**_shared, "cluster_address": "2001:db8:6::12"}),
    ("six3", {**_shared, "cluster_address": "2001:db8:6::13"}),
]
etcd = ["six1", "six2", "six3"]
haproxy = ["six1", "six2", "six3"]
