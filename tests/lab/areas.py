"""
Which area each file of the lab's tests belongs to, what of them is the core, and which of them proves what is promised.

``make test`` runs the core, ``make test-lab AREA=...`` an area, ``make test-all`` everything. A new file gets a line in
FILES, one with a sentence in ``core`` only where it proves what nothing in the core does: the core has to stay short.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

AREAS: Mapping[str, str] = {
    "build": "from fresh hosts to the proven cluster, in every shape; what is refused; and a second run",
    "failover": "who leads: a dead primary, a switchover, synchronous modes",
    "restart": "settings that need a restart",
    "backup": "backups, their repositories, and the proof that they can be restored",
    "restore": "back to a moment, and a cluster from another's backup",
    "membership": "hosts that join, leave and are replaced",
    "etcd": "etcd that grows, is restarted, and is lost",
    "pooling": "PgBouncer: its pools, whom they let in, and what their clients notice",
    "power": "the whole cluster stopped, started, destroyed",
    "security": "encryption, certificates, secrets",
    "standby": "a standby cluster at another site",
    "monitoring": "exporters, whom they let in and what they cost; a Prometheus that scrapes them",
    "look": "what shows the cluster and changes nothing: status, check, facts, the probe",
}

# Two labs run side by side, so this is the sum of what the core's files take each by itself, halved; they
# are beside each other, so it takes less.
CORE_MINUTES = 29


@dataclass(frozen=True)
class LabFile:
    """
    A file of the lab's tests.

    + core: why it is in the core; "": it is not
    + minutes: about how long its part of the core takes beside another lab, with the making of its cluster
    + until: the last of its tests in the core, for a test goes on with what those before it built; "": all are
    + only: its tests in the core, where those between them are not needed; in the order of the file
    """

    name: str
    area: str
    core: str = ""
    minutes: float = 0
    until: str = ""
    only: tuple[str, ...] = ()

    def chosen(self, tests: Iterable[str]) -> list[str]:
        """Those of the file's tests, named in its order and without parameters, that are in the core."""
        listed = list(dict.fromkeys(tests))
        if not self.core:
            return []
        if self.only:
            return [name for name in listed if name in self.only]
        return listed[: listed.index(self.until) + 1] if self.until in listed else listed


FILES = (
    LabFile("test_accepted_edges.py", "security"),
    LabFile("test_address_modes.py", "failover"),
    LabFile("test_addresses.py", "membership"),
    LabFile(
        "test_addresses_leader.py",
        "failover",
        "an address follows the primary, and at no moment do two members have it",
        1.5,
        until="test_a_switchover",
    ),
    LabFile("test_addresses_vrrp.py", "failover"),
    LabFile("test_alerts.py", "monitoring"),
    LabFile(
        "test_backup.py",
        "backup",
        "archives from the first start, takes every type of backup, and switches over beside a dead repository host",
        3.5,
        only=(
            "test_wal_is_archived_from_the_first_start",
            "test_every_type_of_backup_ends_with_what_it_is",
            "test_a_dead_repository_host_holds_up_nobody",
        ),
    ),
    LabFile("test_backup_faults.py", "backup"),
    LabFile("test_backup_member.py", "backup"),
    LabFile("test_backup_s3.py", "backup"),
    LabFile("test_bgp.py", "failover"),
    LabFile("test_bgp_reload.py", "failover"),
    LabFile("test_bookworm.py", "build"),
    LabFile(
        "test_bootstrap_cut_off.py",
        "build",
        "who may begin a cluster: a member that died while it did, and one that gets no answer from etcd",
        2,
    ),
    LabFile("test_build.py", "build", "what a first run leaves behind, and that its proof came last", 1.5),
    LabFile("test_certificates_live.py", "security"),
    LabFile("test_chrony.py", "build"),
    LabFile("test_copy_made_twice.py", "restore"),
    LabFile("test_delivery.py", "monitoring"),
    LabFile("test_docker_connector.py", "build"),
    LabFile("test_doctor.py", "look"),
    LabFile("test_doors.py", "security"),
    LabFile("test_etcd_disaster.py", "etcd"),
    LabFile(
        "test_etcd_growth.py",
        "etcd",
        "etcd's members join one at a time and are restarted one at a time, while clients write",
        3,
        until="test_a_changed_setting_restarts_one_member_after_the_other",
    ),
    LabFile("test_etcd_trust.py", "security"),
    LabFile("test_facts_alone.py", "look"),
    LabFile(
        "test_failover.py",
        "failover",
        "the primary is killed under a load of writes, which is what all of this is for",
        2,
        until="test_the_port_for_any_member_follows_what_the_other_ports_have_asked",
    ),
    LabFile("test_failover_on_demand.py", "failover"),
    LabFile("test_findings.py", "monitoring"),
    LabFile("test_firewall.py", "security"),
    LabFile(
        "test_held_clients.py",
        "pooling",
        "restarts in place and by switchover without an error to clients of PgBouncer, whatever becomes of the run",
        3,
        only=(
            "test_a_build_and_a_second_run",
            "test_restarts_on_demand_in_place_and_by_switchover",
            "test_a_run_that_is_killed_leaves_nobody_waiting",
        ),
    ),
    LabFile(
        "test_interrupted.py",
        "build",
        "a run that is killed while the cluster begins is finished by the next one",
        2.5,
        only=("test_killed_once_at_a_dangerous_moment",),
    ),
    LabFile("test_ipv6.py", "build"),
    LabFile("test_logs.py", "look"),
    LabFile("test_mirror.py", "build"),
    LabFile("test_modes.py", "failover"),
    LabFile("test_monitoring.py", "monitoring"),
    LabFile("test_monitoring_bookworm.py", "monitoring"),
    LabFile("test_monitoring_two.py", "monitoring"),
    LabFile("test_mounts.py", "failover"),
    LabFile("test_networks.py", "build"),
    LabFile(
        "test_nodes.py",
        "membership",
        "a host joins while clients write, and a leader is taken out",
        3,
        until="test_a_leader_is_taken_out_and_nothing_is_left_of_it",
    ),
    LabFile(
        "test_odd_hosts.py",
        "build",
        "the whole life of a cluster with Rust's coreutils and sudo, a login that talks, a narrow umask and German",
        6,
    ),
    LabFile(
        "test_one_run.py",
        "build",
        "of two runs at once one acts and the other is refused; a run that died holds others up for a minute at most",
        2.5,
        until="test_a_lock_that_is_broken_stops_its_run_before_its_next_step",
    ),
    LabFile("test_pgbouncer.py", "pooling"),
    LabFile("test_pgbouncer_members.py", "pooling"),
    LabFile(
        "test_power.py",
        "power",
        "the whole cluster is stopped, boots, loses its power and is started, and no acknowledged write is lost",
        3,
        until="test_after_a_power_cut_a_start_loses_nothing",
    ),
    LabFile("test_probe.py", "look"),
    LabFile("test_promises.py", "build", "what a run of cluster.py leaves alone on a cluster that lives", 1),
    LabFile("test_queries.py", "monitoring"),
    LabFile(
        "test_quiet.py",
        "monitoring",
        "a watched cluster raises no alert, and runs of ours under a load page nobody",
        3.5,
    ),
    LabFile("test_refusals_live.py", "build", "data of others and unfit hosts are refused, and nothing is touched", 2),
    LabFile("test_restart_on_demand.py", "restart"),
    LabFile(
        "test_restart_pending.py",
        "restart",
        "the order of restarts in each direction, and a value with which PostgreSQL does not start",
        4.5,
        until="test_a_value_that_fails_at_the_start_is_taken_back_and_the_primary_is_not_touched",
    ),
    LabFile(
        "test_restore.py",
        "restore",
        "a running cluster goes back to a time, and everything before it is there",
        3,
        until="test_back_to_a_time",
    ),
    LabFile("test_routing.py", "failover"),
    LabFile(
        "test_second_run.py",
        "build",
        "a second run changes nothing",
        0.5,
        until="test_directly_after_the_build",
    ),
    LabFile("test_secrecy.py", "security", "connections are encrypted and orders need a certificate", 0.5),
    LabFile("test_secrets_in_a_run.py", "security", "no secret is printed or in an argument while a run works", 1),
    LabFile(
        "test_secrets_of_a_cluster.py",
        "security",
        "a missing secret of a cluster that lives is not made anew",
        1,
        only=("test_a_secret_that_is_missing_is_not_made_anew",),
    ),
    LabFile(
        "test_services_closed.py",
        "security",
        "nothing listens that is not declared, and idle visitors shut nobody out",
        1,
    ),
    LabFile("test_standby_cluster.py", "standby"),
    LabFile("test_standby_day_two.py", "standby"),
    LabFile("test_status_check.py", "look"),
    LabFile(
        "test_switchover.py",
        "failover",
        "a switchover that is killed is gone on with; what ten in a row cost is not for every run",
        2,
        only=("test_who_leads_already_is_left_alone", "test_a_killed_run_is_gone_on_with"),
    ),
    LabFile("test_tablespaces.py", "restore"),
    LabFile("test_topologies.py", "build"),
    LabFile(
        "test_verify_backup.py",
        "backup",
        "the newest backup is restored, and every page and index of it read",
        2,
        until="test_nothing_of_it_changes_what_is_declared",
    ),
    LabFile("test_waiting_settings.py", "restore"),
    LabFile(
        "test_ways_out.py",
        "restart",
        "a parameter with which no member starts: what the refusals name leads out, and nothing is lost",
        2.5,
        only=("test_huge_pages_with_which_nobody_starts_and_etcd_is_down",),
    ),
)

# How each sentence of README.md, "Guarantees", begins, and what in the core proves it: FILE, or FILE::TEST.
PROMISES: Mapping[str, tuple[str, ...]] = {
    "PostgreSQL is never restarted by": (
        "test_promises.py::test_a_setting_that_needs_a_restart_stays_pending_and_is_named",
    ),
    "A restart for a setting never leaves a standby": ("test_restart_pending.py",),
    "Existing data is never overwritten": (
        "test_refusals_live.py::test_a_foreign_postgresql_that_runs",
        "test_refusals_live.py::test_a_data_directory_that_is_somebody_s",
        "test_refusals_live.py::test_data_of_another_cluster_than_the_one_that_etcd_knows",
    ),
    "Only the first member may bootstrap a cluster": (
        "test_bootstrap_cut_off.py::test_a_member_that_gets_no_answer_from_etcd_begins_nothing",
        "test_interrupted.py::test_killed_once_at_a_dangerous_moment",
    ),
    "etcd members are restarted and added one at a time": (
        "test_etcd_growth.py::test_two_hosts_join_in_one_run_while_clients_write",
        "test_etcd_growth.py::test_a_changed_setting_restarts_one_member_after_the_other",
    ),
    "A run that was killed at any point": (
        "test_interrupted.py::test_killed_once_at_a_dangerous_moment",
        "test_bootstrap_cut_off.py::test_a_bootstrap_that_was_cut_off_is_begun_again",
        "test_switchover.py::test_a_killed_run_is_gone_on_with",
    ),
    "Of two runs at once one acts": (
        "test_one_run.py::test_two_builds_at_once",
        "test_one_run.py::test_a_restart_beside_a_switchover",
        "test_one_run.py::test_a_run_whose_machine_died_holds_others_up_for_a_minute_at_most",
    ),
    "Clients of PgBouncer get no error": (
        "test_held_clients.py::test_restarts_on_demand_in_place_and_by_switchover",
        "test_held_clients.py::test_a_run_that_is_killed_leaves_nobody_waiting",
    ),
    "A repository host that is down": ("test_backup.py::test_a_dead_repository_host_holds_up_nobody",),
    "The newest backup is restored every week": (
        "test_verify_backup.py::test_a_good_backup_is_proven_with_the_wal_after_it",
    ),
    "Nothing is dropped": ("test_promises.py::test_nothing_is_dropped_that_nobody_declared",),
    "A secret of an existing cluster changes only when you ask": (
        "test_secrets_of_a_cluster.py::test_a_secret_that_is_missing_is_not_made_anew",
    ),
    "No password is in a command line": (
        "test_secrets_in_a_run.py::test_the_loudest_run_prints_no_secret",
        "test_secrets_in_a_run.py::test_no_argument_of_a_process_holds_a_secret",
    ),
}

# What README.md says elsewhere, in its words.
PROMISED_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "running it again changes nothing": ("test_second_run.py::test_directly_after_the_build",),
    "Everything that goes over the network is encrypted": ("test_secrecy.py::test_every_connection_is_encrypted",),
    "are reported in one table": ("test_refusals_live.py::test_everything_that_is_wrong_is_in_one_table",),
    "Each run ends with a test of the endpoints": (
        "test_build.py::test_the_first_run_proves_the_cluster_and_prints_the_card",
    ),
    "When the primary dies, its lock expires and a replica takes over": (
        "test_failover.py::test_the_primary_is_killed",
    ),
    "switch over to another member": ("test_switchover.py::test_a_killed_run_is_gone_on_with", "test_backup.py"),
    "restart members in the safe order": ("test_restart_pending.py::test_raised_the_standbys_restart_first",),
    "point-in-time recovery": ("test_restore.py::test_back_to_a_time",),
    "add a host": ("test_nodes.py::test_a_host_joins_while_clients_write",),
    "remove a host, dead or alive": ("test_nodes.py::test_a_leader_is_taken_out_and_nothing_is_left_of_it",),
    "stop and start the whole cluster": ("test_power.py::test_a_stop_leaves_every_acknowledged_write_on_every_member",),
    "take a backup": ("test_backup.py::test_every_type_of_backup_ends_with_what_it_is",),
}


def listed(name: str) -> LabFile | None:
    """What is said of a file here; None: nothing."""
    return next((file for file in FILES if file.name == name), None)


def selected(ids: Iterable[str], *, core: bool = False, area: str = "") -> set[str]:
    """Those of the tests, as pytest names them and in the order of their files, that are asked for."""
    by_file: dict[str, list[str]] = {}
    for one in ids:
        by_file.setdefault(one.partition("::")[0].rpartition("/")[2], []).append(one)
    found: set[str] = set()
    for name, within in by_file.items():
        file = listed(name) or LabFile(name, "")
        names = set(file.chosen(map(name_within, within))) if core else set(map(name_within, within))
        found |= {one for one in within if name_within(one) in names and area in ("", file.area)}
    return found


def name_within(one: str) -> str:
    """The name of a test within its file, without its parameters."""
    return one.partition("::")[2].partition("[")[0]


def area_table() -> str:
    """The areas, each with what it tests: for who names none, or one that there is not."""
    return "\n".join(f"  {name:<11} {what}" for name, what in AREAS.items())
