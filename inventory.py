"""The hosts of your cluster. As shipped: the local lab, containers on this machine that `make lab` starts.

For hosts of your own replace the names, the addresses and how to log in; docs/your-own-hosts.md takes five minutes.
A host may be in several groups. Settings for all hosts are in group_data/all.py.
"""

# How pyinfra logs in. Remove this if your ssh configuration has it.
_lab = {
    "ssh_hostname": "127.0.0.1",
    "ssh_user": "deploy",
    "ssh_key": ".lab/id_ed25519",
    "ssh_known_hosts_file": ".lab/known_hosts",
}

# Small and quick: three members share one machine, and a failover is to be watched, not waited for.
_small = {
    "postgres_memory_mib": 512,
    "patroni_ttl": 20,
    "patroni_loop_wait": 5,
    "patroni_retry_timeout": 5,
    "postgres_hba": ["hostssl all all 10.82.0.0/24 scram-sha-256"],
}


def _member(number):
    """The lab's member of this number, with the ports under which this machine reaches it."""
    ports = (5000, 5001, 5002, 5003, 5004, 5432, 7000, 8008)
    return {
        **_lab,
        **_small,
        "ssh_port": 22010 + number,
        "cluster_address": f"10.82.0.{10 + number}",
        "cluster_published_ports": {port: 10000 * number + port for port in ports},
    }


postgres = [
    ("lab-pg1", _member(1)),
    ("lab-pg2", _member(2)),
    ("lab-pg3", _member(3)),
]
etcd = ["lab-pg1", "lab-pg2", "lab-pg3"]
haproxy = ["lab-pg1", "lab-pg2", "lab-pg3"]
backup = [("lab-backup1", {**_lab, **_small, "ssh_port": 22021, "cluster_address": "10.82.0.21"})]
