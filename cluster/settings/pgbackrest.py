"""The settings of the backups. Whether there are any is not one of them: a host in the group ``backup`` says so."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from cluster.settings.base import Strict, port, refuse, setting
from cluster.settings.calendar_times import calendar_problem
from cluster.settings.text_rules import directory_problem, file_problem, listed_problem

TYPES = ("full", "diff", "incr")
DIRECTORY, S3 = "directory", "s3"
# Without these there is no store.
STORE = ("pgbackrest_s3_bucket", "pgbackrest_s3_endpoint", "pgbackrest_s3_region", "pgbackrest_s3_credentials")


class PgbackrestSettings(Strict):
    """Backups and the WAL archive. https://pgbackrest.org/configuration.html"""

    pgbackrest_port: int = port(8432, "pgBackRest's TLS server, on the members and on the repository host")
    pgbackrest_repositories: list[Literal["directory", "s3"]] = setting(
        ["directory"],
        "where backups and WAL are stored: a directory on the repository host, an S3-compatible "
        "store, or both; the first one is preferred for reading",
    )
    pgbackrest_path: str = setting(
        "/var/lib/pgbackrest", "the repository directory on the repository host", pattern=r"^/[A-Za-z0-9_./-]+$"
    )
    pgbackrest_s3_bucket: str | None = setting(
        None, "bucket of the store, which must exist", pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$"
    )
    pgbackrest_s3_path: str = setting("/pgbackrest", "prefix of all keys in the bucket", pattern=r"^/[A-Za-z0-9_./-]+$")
    pgbackrest_s3_endpoint: str | None = setting(
        None,
        "the store's host, e.g. s3.eu-central-1.amazonaws.com, with :port if it is not 443",
        pattern=r"^[A-Za-z0-9_.-]{1,253}(:[0-9]{1,5})?$",
    )
    pgbackrest_s3_region: str | None = setting(
        None, "the store's region; most stores accept any word", pattern=r"^[A-Za-z0-9_-]{1,63}$"
    )
    pgbackrest_s3_uri_style: Literal["host", "path"] = setting(
        "host", "where the bucket is in a URL; most stores other than AWS need path"
    )
    pgbackrest_s3_ca_file: str | None = setting(
        None,
        "file on the repository host with the CA of the store; absent: the system's",
        pattern=r"^/[A-Za-z0-9_./-]+$",
    )
    pgbackrest_s3_credentials: str | None = setting(
        None,
        "file on the control machine, readable only by its owner (0600): access key and secret key, one per line",
    )
    pgbackrest_retention_full: int = setting(
        4, "full backups, or days, that are kept, with dependent backups and WAL", ge=1, le=9999999
    )
    pgbackrest_retention_full_type: Literal["count", "time"] = setting(
        "count", "what pgbackrest_retention_full counts: full backups, or days"
    )
    pgbackrest_retention_diff: int | None = setting(
        None, "differential backups that are kept; absent: as long as their full backup", ge=1, le=9999999
    )
    pgbackrest_s3_retention_full: int | None = setting(
        None, "pgbackrest_retention_full of the store; absent: the same as the directory's", ge=1, le=9999999
    )
    pgbackrest_s3_retention_full_type: Literal["count", "time"] | None = setting(
        None, "what pgbackrest_s3_retention_full counts; absent: the same as the directory's"
    )
    pgbackrest_s3_retention_diff: int | None = setting(
        None, "pgbackrest_retention_diff of the store; absent: the same as the directory's", ge=1, le=9999999
    )
    pgbackrest_process_max: int | None = setting(
        None,
        "processes that compress and copy; absent: half of the cores, a quarter if PostgreSQL runs there",
        ge=1,
    )
    pgbackrest_schedule: dict[str, str] = setting(
        {"full": "Sun *-*-* 01:00:00", "diff": "Mon..Sat *-*-* 01:00:00"},
        "full, diff or incr: schedule of full, diff and incr backups, see systemd.time(7); {}: you schedule them",
    )
    pgbackrest_random_delay_minutes: int = setting(
        30,
        "minutes of random delay of a scheduled backup, because clusters share networks and stores",
        ge=0,
        le=1440,
    )
    pgbackrest_age_alarm_hours: int = setting(
        30, "hours after which a check reports that the newest backup is old", ge=1
    )
    pgbackrest_archive_seconds: int = setting(
        300,
        "seconds after which WAL is archived although its segment is not full: the most that is lost with the cluster",
        ge=10,
    )

    pgbackrest_drill_schedule: str | None = setting(
        "Wed *-*-* 03:00:00",
        "schedule of restore drills, in the syntax of systemd.time(7); None: only on demand",
    )
    pgbackrest_drill_path: str | None = setting(
        None,
        "directory on the repository host with space for all data; absent: where the repository is",
        pattern=r"^/[A-Za-z0-9_./-]+$",
    )
    pgbackrest_drill_memory_mib: int = setting(
        1024, "MiB of memory that a drill may use, a quarter of it for PostgreSQL's cache", ge=512
    )
    pgbackrest_drill_age_alarm_days: int = setting(
        14, "days after which a check reports that no drill has passed", ge=1
    )

    @field_validator("pgbackrest_schedule")
    @classmethod
    def _schedule_names_types(cls, schedule: dict[str, str]) -> dict[str, str]:
        for kind, when in schedule.items():
            if kind not in TYPES:
                raise ValueError(f"'{kind}' is no type of backup; the types are {', '.join(TYPES)}")
            refuse(listed_problem([when], calendar_problem))
        return schedule

    @field_validator("pgbackrest_drill_schedule")
    @classmethod
    def _drill_has_a_time(cls, when: str | None) -> str | None:
        refuse(None if when is None else calendar_problem(when))
        return when

    @field_validator("pgbackrest_path", "pgbackrest_drill_path")
    @classmethod
    def _copies_have_a_place_of_their_own(cls, path: str | None) -> str | None:
        refuse(None if path is None else directory_problem(path))
        return path

    @field_validator("pgbackrest_s3_path", "pgbackrest_s3_ca_file")
    @classmethod
    def _paths_lead_straight(cls, path: str | None) -> str | None:
        refuse(None if path is None else file_problem(path))
        return path

    @field_validator("pgbackrest_repositories")
    @classmethod
    def _each_place_once(cls, places: list[str]) -> list[str]:
        if not places:
            raise ValueError("it names no place; a cluster without backups has no host in the group backup")
        if len(set(places)) != len(places):
            raise ValueError(f"{places[0]} stands there twice; one of a kind is all there can be")
        return places

    @model_validator(mode="after")
    def _store_is_whole(self) -> PgbackrestSettings:
        declared = [name for name in STORE if getattr(self, name) is not None]
        missing = [name for name in STORE if getattr(self, name) is None]
        if S3 in self.pgbackrest_repositories and missing:
            raise ValueError(f"pgbackrest_repositories has s3, which needs {', '.join(missing)}")
        if S3 not in self.pgbackrest_repositories and declared:
            raise ValueError(
                f"{declared[0]} is set, and pgbackrest_repositories has no s3; "
                "add it there, as in ['directory', 's3'] or ['s3']"
            )
        return self
