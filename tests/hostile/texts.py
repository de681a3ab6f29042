"""Texts for settings: a setting, a value, and a word of the sentence that refuses it."""

from __future__ import annotations

from typing import Any

# What no text may hold, whichever setting it is for.
NOWHERE = (
    *("a\nb", "a\n", "\na", "a\rb", "a\tb", "a\x00b", "a\x1b[31mb", "a\x7fb", "a\x85b", "a\u2028b", "a\u2029b"),
    *("a\u200bb", "a\u202eb", "a\u00a0b", "a\ud800b", "\ufeffa"),
)
# What no text but one of a kind of its own may hold.
SELDOM = (
    " a",
    "a ",
    'a"b',
    "a'b",
    "'; drop table x; --",
    "$(reboot)",
    "`reboot`",
    "a b",
    "a;b",
    "ü",
    "",
    " ",
    "x" * 5000,
)

# Settings whose texts may hold some of that, and why.
EXEMPT = {
    "postgres_parameters": "Patroni writes them in quotes, and a parameter's value may be any text",
    "postgres_hba": "has a grammar of its own, in which quotes and blanks mean something; see tests/hostile/hba.py",
    "packages_mirror_key": "a file on the control machine, opened by its name and written nowhere",
    "certificates_ca_certificate": "a file on the control machine, opened by its name and written nowhere",
    "certificates_ca_key": "a file on the control machine, opened by its name and written nowhere",
    "certificates_directory": "a directory on the control machine, opened by its name and written nowhere",
    "bgp_password_file": "a file on the control machine, opened by its name and written nowhere",
    "monitoring_mail_password_file": "a file on the control machine, opened by its name and written nowhere",
    "pgbackrest_s3_credentials": "a file on the control machine, opened by its name and written nowhere",
}

VALUES: tuple[tuple[str, Any, str], ...] = (
    *(("postgres_databases", [{"name": name}], "every cluster has") for name in ("template0", "template1", "postgres")),
    *(("postgres_databases", [{"name": name}], "keyword of pg_hba") for name in ("all", "sameuser", "replication")),
    *(
        ("postgres_databases", [{"name": name}], "no name")
        for name in ("", "a.b", "a b", "ü", "a" * 64, 'a"', "-a", "1a")
    ),
    ("postgres_databases", [{"name": "app"}, {"name": "app", "owner": "other"}], "twice"),
    *(
        ("postgres_databases", [{"name": "app", "owner": name}], "word of SQL")
        for name in ("public", "none", "current_user", "session_user", "current_role", "PUBLIC")
    ),
    *(
        ("postgres_databases", [{"name": "app", "owner": name}], "cluster itself")
        for name in ("replicator", "pg_monitor")
    ),
    *(("postgres_locale", name, "have UTF8") for name in ("de_DE.ISO-8859-1", "de_DE.latin1@euro", "ru_RU.KOI8-R")),
    *(("postgres_admin_user", name, "word of SQL") for name in ("public", "none", "current_user", "session_user")),
    *(("postgres_admin_user", name, "cluster itself") for name in ("postgres", "replicator", "rewind", "pg_x")),
    *(
        ("packages_mirror_uri", uri, "no URI")
        for uri in (
            *("http://a [trusted=yes]", "http://a\\b", "ftp://a/b", "file:///srv/mirror", "a.example.net", "http://"),
            *(
                "http://a:99999/",
                "http://a b/",
                "http://[fd00::1/",
                "http://a/?x",
                "http://a/#x",
                "http://*/",
                "http://ü/",
            ),
        )
    ),
    ("packages_mirror_uri", "https://user:secret@apt.example.net/pg", "login"),
    ("packages_mirror_suite", "trixie main [trusted=yes]", "no suite"),
    ("packages_mirror_components", ["main", "a b"], "no suite or component"),
    *(
        ("packages_versions", {"patroni": version}, "no exact version")
        for version in ("*", "4.0*", "", "a1", "1 2", "1=2")
    ),
    *(("packages_versions", {name: "1"}, "no name of a package") for name in ("Patroni", "a b", "a;b", "-o", "")),
    *(
        ("postgres_data_directory", path, word)
        for path, word in (
            *(
                ("/etc", "is in /etc"),
                ("/etc/pg", "is in /etc"),
                ("/usr/local/pg", "is in /usr"),
                ("/", "absolute path"),
            ),
            *(("/var", "belongs to others"), ("/home", "belongs to others"), ("/srv", "belongs to others")),
            *(("/tmp/pg", "is in /tmp"), ("/var/lib/etcd/x", "is in /var/lib/etcd"), ("/srv/../etc", "upwards")),
            *(
                ("/srv/./pg", "upwards"),
                ("/srv//pg", "absolute path"),
                ("srv/pg", "absolute path"),
                ("/srv/ü", "absolute"),
            ),
            *(("/var/lib/postgresql", "belongs to others"), ("/srv/p g", "absolute path"), ("/boot/pg", "is in /boot")),
        )
    ),
    ("pgbackrest_path", "/etc/backups", "is in /etc"),
    ("pgbackrest_path", "/var/lib/postgresql/17/main/backups", "within one another"),
    ("pgbackrest_path", "/var/lib/postgresql/17", "within one another"),
    ("pgbackrest_drill_path", "/var/lib/postgresql/17/main", "within one another"),
    ("pgbackrest_s3_ca_file", "/etc/../../x", "upwards"),
    *(
        ("postgres_listen", [place], "nothing to listen on")
        for place in ("", "10.0.0.300", "a b", "*.example.net", "ü")
    ),
    *(
        ("postgres_listen", [place], "by which the others reach")
        for place in ("127.0.0.1", "localhost", "::", "10.9.9.9")
    ),
    *(
        ("cluster_extra_names", [name], "neither a DNS name nor an address")
        for name in (
            "*",
            "*.*.a",
            "a..b",
            ".a",
            "a.",
            "10.0.0.300",
            "1.2",
            "a_b",
            "http://a",
            "a" * 64,
            "ü.example.net",
        )
    ),
    *(
        ("cluster_address", one, "another host can reach")
        for one in ("0.0.0.0", "fe80::1", "224.0.0.1", "255.255.255.255")
    ),
    ("cluster_address", "fd00::1%eth0", "interface"),
    ("patroni_standby_of", "Other", "name of a cluster"),
    *(
        ("pgbackrest_schedule", {"full": time}, "is no time")
        for time in (
            "",
            "tomorrow",
            "25:00",
            "12",
            "Mon *-*-32",
            "*-13-01",
            "daily; reboot",
            "Sun..Mon",
            "*:*/15",
            "1:0 X/Y",
        )
    ),
    ("pgbackrest_drill_schedule", "Wed *-*-* 24:00:00", "is no time"),
    ("postgres_parameters", {"work_mem'": "1MB"}, "no name of a parameter"),
    ("postgres_parameters", {"": "1"}, "no name of a parameter"),
    ("postgres_parameters", {"seq_page_cost": float("nan")}, "no number"),
    ("postgres_parameters", {"seq_page_cost": float("inf")}, "no number"),
    ("postgres_parameters", {"application_name": "a\nb = 1"}, "\\n"),
)

# What people have and shall keep.
PERMITTED: tuple[tuple[str, Any], ...] = (
    *(
        ("postgres_data_directory", path)
        for path in ("/srv/pg", "/data/pg/17", "/var/lib/postgresql/17/main", "/pgdata")
    ),
    ("postgres_data_directory", "/home/postgres/data/"),
    ("pgbackrest_drill_path", "/var/lib/pgbackrest"),
    ("pgbackrest_drill_path", "/srv/drill"),
    *(("postgres_listen", places) for places in (["*"], ["0.0.0.0"], ["10.0.0.1", "127.0.0.1"], ["db.example.net"])),
    *(("packages_mirror_uri", uri) for uri in ("http://10.0.0.9", "https://[fd00::9]:8443/pg/", "http://apt/debian")),
    ("packages_versions", {"postgresql-17": "17.6-0+deb13u1", "etcd-server": "3.5.16-4", "haproxy": "1:2~rc1-1+b2"}),
    *(
        ("pgbackrest_schedule", {"full": time})
        for time in (
            *("Sun *-*-* 01:00:00", "daily", "*:0/15", "Mon..Fri 22:30", "*-*-01 04:00 Europe/Berlin", "Sat,Sun *-*~1"),
            *("*-1..6-1/7 0/6:00 UTC", "2026-02-03 04:05:06.5", "Mon,Wed..Fri", "quarterly"),
        )
    ),
    ("postgres_parameters", {"log_line_prefix": "%m ", "search_path": '"$user", public', "app.name": "it's"}),
    ("postgres_databases", [{"name": "App-1", "owner": "Team$x"}]),
    ("cluster_extra_names", ["*.db.example.net", "db", "10.0.0.99", "fd00::9"]),
)

HOSTS = (
    *(("7", "no option can name it"), ("1e3", "no option can name it"), ("true", "no option"), ("NaN", "no option")),
    *(("1_0", "no option"), ("7.5", "no option"), ("", "no host's name"), ("pg 1", "no host's name")),
    *(
        ("pgü", "no host's name"),
        ("p" * 65, "65 characters"),
        (f"{'p' * 64}", "63 characters"),
        ("-pg", "no host's name"),
    ),
    *(("pg-", "no host's name"), ("pg..1", "no host's name"), ("pg1.", "no host's name"), ("pg,1", "no host's name")),
    *(
        ("pg\n1", "no host's name"),
        ("pg'1", "no host's name"),
        ("fd00::1", "no host's name"),
        ("pg/1", "no host's name"),
    ),
    ("PG2", "are one name"),
)
