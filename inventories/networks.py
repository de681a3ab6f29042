"""Three networks: clients in one, the cluster in one of its own, and its backups in a third. HAProxy on two hosts.

The hosts reach each other by 10.10.0.0/24, clients come to 10.11.0.0/24, and backups go over 10.12.0.0/24.
"""

_shared = {
    "ssh_user": "admin",
    "cluster_name": "apart",
    "postgres_hba": ["hostssl all all 10.99.0.0/24 scram-sha-256"],
    "firewall_mode": "nftables",
    "firewall_client_networks": ["10.11.0.0/24", "10.99.0.0/24"],
    # On the network of the clients, and so on the interface that is on it.
    "vip_mode": "haproxy",
    "vip_write": ["10.11.0.100"],
    "vip_interface": "eth1",
}


def _host(name, last, *networks):
    numbers = {"cluster": 10, "client": 11, "backup": 12}
    addresses = {f"{one}_address": f"10.{numbers[one]}.0.{last}" for one in ("cluster", *networks)}
    return (f"{name}.example.net", {**_shared, **addresses})


postgres = [_host(f"pg{n}", 10 + n, "client", "backup") for n in (1, 2, 3)]
etcd = ["pg1.example.net", "pg2.example.net", "pg3.example.net"]
haproxy = [_host("lb1", 31, "client"), _host("lb2", 32, "client")]
backup = [_host("backup1", 41, "backup")]
