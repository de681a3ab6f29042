"""The settings of the packages, and values that apt would not accept."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator, model_validator

from cluster.settings.base import Strict, refuse, setting
from cluster.settings.text_rules import listed_problem, mirror_problem, package_problem, suite_problem, version_problem


class PackagesSettings(Strict):
    """Package sources, versions and holds."""

    packages_source: Literal["distribution", "pgdg", "mirror"] = setting(
        "distribution", "distribution: Debian's or Ubuntu's own packages; pgdg: apt.postgresql.org; mirror: your own"
    )
    packages_mirror_uri: str | None = setting(None, "the mirror's URI, e.g. https://apt.example.net/postgresql")
    packages_mirror_suite: str | None = setting(None, "the mirror's suite, e.g. trixie-pgdg")
    packages_mirror_components: list[str] = setting(["main"], "the mirror's components")
    packages_mirror_key: str | None = setting(None, "file on the control machine with the key that signs the mirror")
    packages_versions: dict[str, str] = setting(
        {}, "package: exact version, for pinned ones; others get the source's version when first installed"
    )
    packages_hold: bool = setting(True, "hold the packages against unattended upgrades, which would restart PostgreSQL")

    @field_validator("packages_mirror_uri", "packages_mirror_suite")
    @classmethod
    def _repository_is_written_as_apt_reads_it(cls, value: str | None, info: ValidationInfo) -> str | None:
        rule = mirror_problem if info.field_name == "packages_mirror_uri" else suite_problem
        refuse(None if value is None else rule(value))
        return value

    @field_validator("packages_mirror_components")
    @classmethod
    def _components_are_words(cls, names: list[str]) -> list[str]:
        refuse(listed_problem(names, suite_problem))
        return names

    @field_validator("packages_versions")
    @classmethod
    def _versions_are_exact(cls, versions: dict[str, str]) -> dict[str, str]:
        refuse(listed_problem(versions, package_problem) or listed_problem(versions.values(), version_problem))
        return versions

    @model_validator(mode="after")
    def _mirror_is_named(self) -> PackagesSettings:
        missing = [
            name
            for name in ("packages_mirror_uri", "packages_mirror_suite", "packages_mirror_key")
            if getattr(self, name) is None
        ]
        if self.packages_source == "mirror" and missing:
            raise ValueError(f"packages_source 'mirror' needs {', '.join(missing)}")
        return self
