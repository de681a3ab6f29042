"""Three hosts in a routed data centre: they announce the address of the primary, and that of the replicas, by BGP."""

_shared = {
    "ssh_user": "admin",
    "cluster_name": "routed",
    "postgres_hba": ["hostssl all all 10.0.0.0/8 scram-sha-256"],
    "vip_mode": "bgp",
    "vip_write": ["10.99.0.1"],
    "vip_read": ["10.99.0.2"],
    "bgp_asn": 65001,
}

# Each has the routers of its rack.
_rack1 = {"bgp_neighbors": {"10.1.0.1": 65100, "10.1.0.2": 65100}, "bgp_communities": ["65100:1"]}
_rack2 = {"bgp_neighbors": {"10.2.0.1": 65100, "10.2.0.2": 65100}, "bgp_communities": ["65100:2"]}
_rack3 = {"bgp_neighbors": {"10.3.0.1": 65100, "10.3.0.2": 65100}, "bgp_communities": ["65100:3"]}

postgres = [
    ("pg1.example.net", {**_shared, **_rack1, "cluster_address": "10.1.0.11"}),
    ("pg2.example.net", {**_shared, **_rack2, "cluster_address": "10.2.0.11"}),
    ("pg3.example.net", {**_shared, **_rack3, "cluster_address": "10.3.0.11"}),
]
etcd = ["pg1.example.net", "pg2.example.net", "pg3.example.net"]
