"""Settings for all hosts, in the manner of postgresql.conf: each one as a comment with its default.

Remove the "# " before a setting and change its value; settings that stay commented out follow the defaults, also of
later versions. A host's own data in inventory.py overrides this file. docs/settings.md has all settings in tables.
"""

# --- cluster: Which hosts form a cluster, and their addresses.

#   the name of the cluster: Patroni's scope, the directory of its secrets; hosts with one name form one cluster; a
#   letter a-z, then at most 30 of a-z, 0-9 and hyphen
# cluster_name = "main"
# cluster_address = None  # the address, v4 or v6, at which the other hosts of the cluster reach this host
# cluster_network = None  # a network such as 10.0.0.0/24: a host without cluster_address uses its one address in it
#   the address at which clients reach HAProxy and PostgreSQL on this host; empty: cluster_address
# client_address = None
# client_network = None  # a network: a host of HAProxy or PostgreSQL without client_address uses its one address in it
#   the address at which members and the repository host reach pgBackRest on this host; empty: cluster_address
# backup_address = None
#   a network: a member, or the repository host, without backup_address uses its one address in it
# backup_network = None
# cluster_extra_names = []  # further DNS names and addresses that clients use (a VIP, an alias), for the certificates
# cluster_published_ports = {}  # port: port on the control machine's loopback, for hosts behind NAT such as containers

# --- preflight: Requirements that are checked before anything is changed.

# preflight_free_gib = 2  # GiB that must be free where PostgreSQL and etcd store their data; 0.1..1048576
#   seconds that two hosts' clocks may differ: certificates, logs and scheduled switchovers depend on it; more than 0
#   and at most 3600
# preflight_clock_skew_seconds = 2

# --- packages: Package sources, versions and holds.

#   distribution: Debian's or Ubuntu's own packages; pgdg: apt.postgresql.org; mirror: your own; "distribution" or
#   "pgdg" or "mirror"
# packages_source = "distribution"
# packages_mirror_uri = None  # the mirror's URI, e.g. https://apt.example.net/postgresql
# packages_mirror_suite = None  # the mirror's suite, e.g. trixie-pgdg
# packages_mirror_components = ["main"]  # the mirror's components
# packages_mirror_key = None  # file on the control machine with the key that signs the mirror
#   package: exact version, for pinned ones; others get the source's version when first installed
# packages_versions = {}
# packages_hold = True  # hold the packages against unattended upgrades, which would restart PostgreSQL

# --- firewall: The firewall on the hosts, and from where people and clients come; see docs/firewall.md.

# firewall_mode = "off"  # nftables: hosts accept only what their services need; off: no firewall; "off" or "nftables"
# firewall_ssh_networks = ["0.0.0.0/0", "::/0"]  # networks that may use ssh, yours included
# firewall_ssh_port = 22  # the port of the hosts' sshd; 1..65535
#   networks from which clients connect to HAProxy and PostgreSQL; empty: those that the lines of postgres_hba let in
# firewall_client_networks = []
#   networks from which people and scrapers connect to Patroni's REST API and HAProxy's statistics
# firewall_monitoring_networks = []
# firewall_other_ports = []  # ports of other services: '9100/tcp 10.0.0.0/8', or '161/udp' for all

# --- journald: journald on all hosts.

#   MiB of the disk that the journal may take; absent: as the host has it, by default a tenth of the disk and at most
#   4096; 64..1048576
# journald_mib = None

# --- chrony: Clock services of the hosts.

#   where_needed: install chrony on hosts that can set their clock and have no clock service; never: nowhere;
#   "where_needed" or "never"
# chrony_mode = "where_needed"
# chrony_servers = []  # time servers, names or addresses, besides those of chrony's package

# --- certificates: The CA and the certificates of the hosts.

#   your own CA's certificate (with its chain) on the control machine; absent: the cluster gets its own CA
# certificates_ca_certificate = None
# certificates_ca_key = None  # your own CA's private key on the control machine
#   directory on the control machine with your own certificates: <host>/<component>.crt and .key, ca.crt
# certificates_directory = None
# certificates_days = 365  # days that a host's certificate is valid; renewed in its last third; 7..825

# --- etcd: The store for Patroni's leader lock and shared configuration.

# etcd_client_port = 2379  # etcd listens here for Patroni; 1..65535
# etcd_peer_port = 2380  # etcd's members connect to each other here; 1..65535
# etcd_quota_mib = 2048  # MiB that etcd's database may grow to before it refuses writes; 64..8192
# etcd_compaction_hours = 1  # hours of history that etcd keeps; 1..720
# etcd_heartbeat_ms = 100  # milliseconds between heartbeats: about the round trip between members; 10 or more
# etcd_election_ms = 1000  # milliseconds without a heartbeat before an election; ten heartbeats; at most 50000
# etcd_snapshot_interval_minutes = 30  # minutes between two snapshots of etcd, on each of its hosts; 5..1440
#   snapshots of etcd that each of these hosts keeps, and the repository host of its copies; 2..1000
# etcd_snapshots_kept = 48

# --- postgres: The database.

# postgres_version = 17  # PostgreSQL's major version; 15 or 16 or 17 or 18
# postgres_port = 5432  # PostgreSQL listens here; 1..65535
#   addresses that PostgreSQL listens on, ['*'] for all; empty: cluster_address, client_address and loopback
# postgres_listen = []
#   absent: /var/lib/postgresql/<version>/<cluster_name>; an absolute path of letters, digits, dot, hyphen, underscore
#   and slash
# postgres_data_directory = None
# postgres_locale = "C.UTF-8"  # locale of a new cluster; the encoding is UTF8; a locale such as C.UTF-8 or de_DE.UTF-8
#   MiB of memory that PostgreSQL's settings are derived from; absent: the smallest member's memory; 256 or more
# postgres_memory_mib = None
# postgres_parameters = {}  # PostgreSQL parameters by name; they override derived ones; None removes one
#   parameters in postgres_parameters that may lose data or lock clients out, such as fsync: each of them must be named
#   here
# postgres_accepted_dangers = []
# postgres_hba = []  # pg_hba lines for your clients, in order, after those that the cluster itself needs
#   a login role that may create databases and roles, for people and tools; a letter a-z or underscore, then at most 62
#   of a-z, 0-9 and underscore
# postgres_admin_user = "admin"
# postgres_databases = []  # databases to create: {'name': 'app'}, with 'owner': a role; absent owner: the admin role
# postgres_log_connections = True  # log each connection, and its end with how long it was
#   log statements that take this many ms, with the values in them; None: never; 0..2147483647
# postgres_log_statement_ms = 1000
# postgres_log_temp_files_mib = 10  # log temporary files of this many MiB, 0: all; None: never; 0..1048576
# postgres_log_autovacuum_ms = 10000  # log each autovacuum that takes this many ms, 0: all; None: never; 0..2147483647
# postgres_log_json = False  # write each line as JSON as well, into a file of its own beside the text
# postgres_log_days = 7  # days that log files are kept, unless they become too large together; 1 or more
#   MiB of a member's disk that all log files together may take; the oldest are removed; 100 or more
# postgres_log_mib = 2048

# --- patroni: Leader election and failover. https://patroni.readthedocs.io/en/latest/dynamic_configuration.html

# patroni_rest_port = 8008  # Patroni's REST API, for HAProxy's checks and for this tool; 1..65535
#   seconds until the leader's lock expires: a dead primary is detected after at most this time; 20 or more
# patroni_ttl = 30
# patroni_loop_wait = 10  # seconds between two of Patroni's checks of the cluster; 1 or more
# patroni_retry_timeout = 10  # seconds that Patroni retries etcd and PostgreSQL before it gives up; 3 or more
# patroni_maximum_lag_mib = 1  # MiB of WAL that a standby may lag and still be promoted; 0 or more
#   seconds that a crashed primary has to come back before a standby takes over; 0 or more
# patroni_primary_start_seconds = 60
#   seconds that a member may take in an ordered restart until it streams again; 10 or more
# patroni_restart_seconds = 300
#   keep the primary while etcd is down and all members answer; absent: on if Patroni's version is safe
# patroni_failsafe = None
#   let the kernel's watchdog reset a leader's host if Patroni hangs; "off" or "automatic" or "required"
# patroni_watchdog = "automatic"
#   name of the source cluster in this inventory, which makes this one its standby cluster: read-only; the name of a
#   cluster: a letter a-z, then at most 30 of a-z, 0-9 and hyphen
# patroni_standby_of = None
#   a standby cluster streams from its source's members; False: it reads only the source's archive
# patroni_standby_streams = True
#   prefix of Patroni's keys in etcd; a path that begins and ends with a slash, such as /service/
# patroni_namespace = "/service/"
#   on: commits wait for named standbys, only these take over; quorum: for any of them (Patroni 4); "off" or "on" or
#   "quorum"
# patroni_synchronous_mode = "off"
#   without a synchronous standby, writes wait for one instead of continuing on the primary alone
# patroni_synchronous_mode_strict = False
# patroni_synchronous_node_count = 1  # standbys that a commit waits for; 1..16
#   replication slots that Patroni leaves alone: [{'name': 'cdc'}], each by any of name, type, database, plugin; []:
#   none; absent: keep what was set by hand
# patroni_ignore_slots = None
# patroni_tags = {}  # tags of a member, e.g. {'nofailover': True}; docs/replication.md says what each does

# --- haproxy: The ports that clients connect to.

#   addresses on which HAProxy accepts clients, besides loopback; empty: client_address and the addresses in
#   cluster_extra_names; ['*']: all addresses of the host
# haproxy_listen = []
# haproxy_primary_port = 5000  # the primary, for reading and writing; 1..65535
# haproxy_replicas_port = 5001  # the replicas, for reading; 1..65535
# haproxy_synchronous_port = 5002  # the synchronous replicas; closed while patroni_synchronous_mode is off; 1..65535
# haproxy_asynchronous_port = 5003  # the others; closed while patroni_synchronous_mode is off; 1..65535
# haproxy_any_port = 5004  # any healthy member; 1..65535
# haproxy_stats_port = 7000  # the statistics page, over TLS and with a login; 1..65535
# haproxy_stats_user = "admin"  # login of the statistics page; at most 63 letters, digits, dot, hyphen and underscore
#   clients that a port of one HAProxy accepts, with those that wait for a member; absent: twice what all members take;
#   10 or more
# haproxy_max_connections = None
#   seconds that a client waits for a connection to a member before HAProxy ends it; 1 or more
# haproxy_queue_seconds = 30
#   what one port of one HAProxy may take of a member's max_connections: whole, all that clients can have; divided, an
#   equal share, so that all ports of all HAProxy hosts together never exceed it; "whole" or "divided"
# haproxy_member_share = "whole"
#   seconds after which HAProxy ends a connection whose peer acknowledges nothing, or reads nothing; 0: 15 minutes, or
#   never; 0..86400
# haproxy_unanswered_seconds = 120
#   where the replicas' port leads if no replica is available: to the primary, or nowhere; "primary" or "none"
# haproxy_replicas_fallback = "primary"
#   MiB of WAL that a replica may have yet to replay and still get readers; absent or 0: no limit; 0 or more
# haproxy_replica_max_lag_mib = None
#   where a host is, e.g. a data center: HAProxy sends readers to the members of its own zone, and to the others while
#   none of those is fit; absent: to all alike; at most 63 letters, digits, dot, hyphen and underscore
# haproxy_zone = None
#   a member's share of readers, compared with the other members'; 0: none, sessions that it has go on; 0..256
# haproxy_weight = 100

# --- pgbouncer: Connection pools for clients.

#   haproxy: on the hosts of HAProxy, in front of it; members: on each member, in front of its own PostgreSQL; see
#   docs/pooling.md; "none" or "haproxy" or "members"
# pgbouncer_on = "none"
# pgbouncer_write_port = 6432  # the primary, with transaction pooling; 1..65535
# pgbouncer_read_port = 6433  # the replicas, with transaction pooling; 1..65535
# pgbouncer_session_port = 6434  # the primary, with session pooling; closed without pgbouncer_session_size; 1..65535
# pgbouncer_processes = 1  # processes of each pool on a host: each uses one core, and they share the pool's port; 1..8
#   databases that use a pool at the same time, for the sizes are per database; absent: as many as are in
#   postgres_databases, 1 at least; 1 or more
# pgbouncer_databases = None
#   connections to a member that one process of the pools write and read may open for one database; absent: derived, so
#   that all pools together take three quarters of what a member has for clients; 1 or more
# pgbouncer_pool_size = None
#   the same of the pool session, for what transaction pooling forbids: so many clients of it are served at once; 0:
#   there is no such pool; 0 or more
# pgbouncer_session_size = 0
# pgbouncer_max_clients = 1000  # clients that one process accepts, with those that wait for a connection; 10..200000
#   seconds after which clients that planned work lets wait go on by themselves, whatever became of the run; 5..60
# pgbouncer_pause_seconds = 15
#   seconds that planned work gives transactions under way to end, while other clients wait; 1..30
# pgbouncer_transaction_seconds = 5
#   seconds that a query waits for a connection to a member before its client is disconnected; 1..86400
# pgbouncer_wait_seconds = 120

# --- pgbackrest: Backups and the WAL archive. https://pgbackrest.org/configuration.html

# pgbackrest_port = 8432  # pgBackRest's TLS server, on the members and on the repository host; 1..65535
#   where backups and WAL are stored: a directory on the repository host, an S3-compatible store, or both; the first one
#   is preferred for reading
# pgbackrest_repositories = ["directory"]
#   the repository directory on the repository host; an absolute path of letters, digits, dot, hyphen, underscore and
#   slash
# pgbackrest_path = "/var/lib/pgbackrest"
#   bucket of the store, which must exist; a bucket's name: at most 63 of a-z, 0-9, dot and hyphen
# pgbackrest_s3_bucket = None
#   prefix of all keys in the bucket; an absolute path of letters, digits, dot, hyphen, underscore and slash
# pgbackrest_s3_path = "/pgbackrest"
#   the store's host, e.g. s3.eu-central-1.amazonaws.com, with :port if it is not 443; a host's name, with :port where
#   it is not 443, and without https://
# pgbackrest_s3_endpoint = None
# pgbackrest_s3_region = None  # the store's region; most stores accept any word; a word such as eu-central-1
#   where the bucket is in a URL; most stores other than AWS need path; "host" or "path"
# pgbackrest_s3_uri_style = "host"
#   file on the repository host with the CA of the store; absent: the system's; an absolute path of letters, digits,
#   dot, hyphen, underscore and slash
# pgbackrest_s3_ca_file = None
#   file on the control machine, readable only by its owner (0600): access key and secret key, one per line
# pgbackrest_s3_credentials = None
# pgbackrest_retention_full = 4  # full backups, or days, that are kept, with dependent backups and WAL; 1..9999999
#   what pgbackrest_retention_full counts: full backups, or days; "count" or "time"
# pgbackrest_retention_full_type = "count"
#   differential backups that are kept; absent: as long as their full backup; 1..9999999
# pgbackrest_retention_diff = None
#   pgbackrest_retention_full of the store; absent: the same as the directory's; 1..9999999
# pgbackrest_s3_retention_full = None
#   what pgbackrest_s3_retention_full counts; absent: the same as the directory's
# pgbackrest_s3_retention_full_type = None
#   pgbackrest_retention_diff of the store; absent: the same as the directory's; 1..9999999
# pgbackrest_s3_retention_diff = None
#   processes that compress and copy; absent: half of the cores, a quarter if PostgreSQL runs there; 1 or more
# pgbackrest_process_max = None
#   full, diff or incr: schedule of full, diff and incr backups, see systemd.time(7); {}: you schedule them
# pgbackrest_schedule = {'full': 'Sun *-*-* 01:00:00', 'diff': 'Mon..Sat *-*-* 01:00:00'}
#   minutes of random delay of a scheduled backup, because clusters share networks and stores; 0..1440
# pgbackrest_random_delay_minutes = 30
# pgbackrest_age_alarm_hours = 30  # hours after which a check reports that the newest backup is old; 1 or more
#   seconds after which WAL is archived although its segment is not full: the most that is lost with the cluster; 10 or
#   more
# pgbackrest_archive_seconds = 300
#   schedule of restore drills, in the syntax of systemd.time(7); None: only on demand
# pgbackrest_drill_schedule = "Wed *-*-* 03:00:00"
#   directory on the repository host with space for all data; absent: where the repository is; an absolute path of
#   letters, digits, dot, hyphen, underscore and slash
# pgbackrest_drill_path = None
#   MiB of memory that a drill may use, a quarter of it for PostgreSQL's cache; 512 or more
# pgbackrest_drill_memory_mib = 1024
# pgbackrest_drill_age_alarm_days = 14  # days after which a check reports that no drill has passed; 1 or more

# --- vip: Virtual IP addresses.

#   haproxy: keepalived keeps the addresses on one host of HAProxy; leader: they follow the primary on its network; bgp:
#   members announce them to routers; see docs/addresses.md; "none" or "haproxy" or "leader" or "bgp"
# vip_mode = "none"
# vip_write = []  # addresses, v4 and v6, at which clients reach the primary
# vip_read = []  # addresses, v4 and v6, at which clients reach a replica
#   who has vip_read while no replica fits: the primary, or no host; of the modes leader and bgp; "primary" or "none"
# vip_read_fallback = "primary"
#   MiB of WAL that a replica with vip_read may lag behind; of the modes leader and bgp; 1 or more
# vip_read_max_lag_mib = 64
#   the network interface that gets the addresses; empty: the one with client_address; vip_mode haproxy needs it; the
#   name of a network interface, such as eth0
# vip_interface = None
#   VRRP's number of vip_write on its network, vip_read has the next one; empty: from cluster_name; 1..254
# vip_router_id = None

# --- bgp: Announcements to routers, for vip_mode bgp.

# bgp_asn = None  # the number of the autonomous system of a member; 1..4294967295
# bgp_neighbors = {}  # the routers of a member: address, v4 or v6, and number of its autonomous system
#   how a member names itself to routers, in the form of an IPv4 address; empty: cluster_address, or where that is IPv6,
#   made from the host's name
# bgp_router_id = None
#   a file on the control machine, for its owner alone, with the password (TCP MD5) that the routers ask for
# bgp_password_file = None
#   notice within a second that a router, or for it a member, is gone: BFD on UDP 3784; False where routers do none, for
#   FRR 10 then opens no session
# bgp_bfd = True
#   how many hops away routers of other autonomous systems may be; 1: on a network of the host itself; 1..255
# bgp_hops = 1
#   communities of what a member announces, such as 65000:100 for its zone, or large ones, such as 4200000000:1:2
# bgp_communities = []

# --- monitoring: Metrics of the hosts for Prometheus, and hosts that scrape them; see docs/monitoring.md.

# monitoring = False  # exporters on every host, over TLS, for those alone who show the scraper's certificate
# monitoring_node_port = 9100  # metrics of the host, and those that files hold; 1..65535
# monitoring_postgres_port = 9187  # metrics of PostgreSQL, on members; 1..65535
# monitoring_pgbouncer_port = 9127  # metrics of PgBouncer's pools, where it runs; 1..65535
# monitoring_etcd_port = 2381  # metrics of etcd, on its hosts; 1..65535
# monitoring_etcd_local_port = 2382  # the same without TLS, on loopback alone: etcd serves them there; 1..65535
# monitoring_backup_minutes = 5  # minutes between two looks at the backups, on the repository host; 1..1440
# monitoring_prometheus_port = 9090  # Prometheus on hosts of the group monitor, over TLS and with a login; 1..65535
# monitoring_alertmanager_port = 9093  # Alertmanager there, with the same login; 1..65535
# monitoring_watches = []  # names of other clusters of this inventory that these hosts scrape as well
#   the login at both; the password is MONITORING_PASSWORD; a letter a-z, then at most 31 of a-z, 0-9, hyphen and
#   underscore
# monitoring_user = "monitoring"
# monitoring_scrape_seconds = 15  # seconds between two scrapes; 5..300
# monitoring_retention_days = 30  # days for which Prometheus keeps what it has scraped; 1..3650
# monitoring_mail_to = []  # mail addresses that get the alerts
# monitoring_mail_from = None  # the sender of these mails
# monitoring_mail_smarthost = None  # host:port of the mail server that takes them, which has to offer STARTTLS
# monitoring_mail_user = None  # the login at the mail server, where it asks for one
#   a file on the control machine, for its owner alone, with the password of that login
# monitoring_mail_password_file = None
# monitoring_webhook_url = None  # URL that gets the alerts as JSON
# monitoring_watchdog_url = None  # URL of a dead man's switch: it is told every minute that alerts come through
#   limits of alerts that differ from those in monitoring/rules/limits.yml: {'replica_lag:bytes': 268435456}; see
#   docs/alerts.md
# monitoring_limits = {}
#   URL below which this repository's docs/ can be read: alerts link to the failure guide there; absent: links are paths
#   in the repository
# monitoring_pages_url = None
# monitoring_grafana_url = None  # a Grafana of yours, for which files with data source and dashboards are made

# --- findings: How often hosts judge themselves; see docs/findings.md.

# findings_minutes = 5  # minutes between two judgements of a host by itself, with monitoring on; 1..1440
