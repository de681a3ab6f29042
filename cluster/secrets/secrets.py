"""The secrets of one cluster: from the environment, else from its file, else generated once into that file."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from yaml.representer import SafeRepresenter

from cluster.errors import ConfigError
from cluster.secrets.passwords import scram_verifier, scram_verifier_matches, weak_password_reason
from cluster.secrets.private_files import private_directory, read_text, refuse_open_to_others, write_whole

__all__ = [
    "NAMES",
    "Secret",
    "Secrets",
    "repeated_secrets",
    "scram_verifier",
    "scram_verifier_matches",
    "weak_password_reason",
]

NAMES = (
    "PATRONI_SUPERUSER_PASSWORD",
    "PATRONI_REPLICATION_PASSWORD",
    "PATRONI_REWIND_PASSWORD",
    "PATRONI_ADMIN_PASSWORD",
    "PGBOUNCER_PASSWORD",
    "PATRONI_RESTAPI_PASSWORD",
    "HAPROXY_STATS_PASSWORD",
    "PGBACKREST_CIPHER_PASS",
    "MONITORING_PASSWORD",
)
# Those of roles: a standby cluster gets the roles with its source's data, so they are the source's.
OF_ROLES = NAMES[:5]
FILE_NAME = "secrets.json"
# Which secrets came from the environment once. Without this mark a run in a shell that lacks the variable would
# generate another password and set it on the roles, and everybody who has the right one would be locked out.
ENVIRONMENT_MARK = "_from_environment"
# Letters and digits need no quoting in a URL, conninfo, pgpass, YAML, haproxy.cfg or a shell; 32 of them are 190 bits.
ALPHABET = string.ascii_letters + string.digits
LENGTH = 32


class Secret(str):
    """
    A string that does not show itself: ``repr()`` is masked, ``str()``, f-strings and JSON have the real value.

    pyinfra prints the arguments of operations with ``repr()``, and so do tracebacks and dataclasses around it. What
    string methods return (``+``, ``strip()``, an f-string) is an ordinary string again: format it as late as possible.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'*MASKED*'"

    def __str__(self) -> str:
        # str.__str__ hands out the object itself for a subclass; the text that leaves here must be the plain value.
        return str.__getitem__(self, slice(None))


# yaml refuses types it does not know, also those that are a str; the configuration files are dumped with it.
SafeRepresenter.add_representer(Secret, lambda dumper, value: dumper.represent_str(str(value)))


class Secrets(Mapping[str, Secret]):
    """Every secret of one cluster by its name: ``secrets["PATRONI_ADMIN_PASSWORD"]``. Prints names only."""

    def __init__(self, stored: Mapping[str, object], given: Mapping[str, str], path: Path) -> None:
        """
        + stored: what the file holds, or shall hold once it is kept
        + given: what the environment gives, which is not in the file
        + path: of the file
        """
        self._values = {name: Secret(given.get(name) or str(stored[name])) for name in NAMES}
        self._stored, self._given = stored, given
        self.from_environment = frozenset(given)
        self.path = path

    @classmethod
    def load(
        cls, directory: Path, environment: Mapping[str, str], inherited: Mapping[str, str] = MappingProxyType({})
    ) -> Secrets:
        """
        Find or generate every secret of a cluster, and keep it; runs at the same time get the same ones. Refused is
        what ``plan`` refuses.

        + directory, environment, inherited: as for ``plan``
        """
        with private_directory(directory):
            planned = cls.plan(directory, environment, inherited)
            planned._write()
            return planned

    @classmethod
    def plan(
        cls, directory: Path, environment: Mapping[str, str], inherited: Mapping[str, str] = MappingProxyType({})
    ) -> Secrets:
        """
        Find or generate every secret of a cluster, and write nothing until ``keep`` is called.

        Refused: an empty variable, a file that others can read or that is not valid (never generated again), a secret
        that the environment gave on an earlier run and does not give now. Names in the file that are not ours stay.

        + directory: of this cluster alone, private to its owner; holds ``secrets.json``
        + environment: wins over the file; empty when one environment would serve several clusters
        + inherited: taken over into the file where it has nothing of that name, instead of being generated
        """
        given, path = _given(environment), directory / FILE_NAME
        stored = {**_lacking(inherited, given), **_stored(path)}
        return cls(_completed(stored, given, path), given, path)

    @property
    def made(self) -> tuple[str, ...]:
        """The names that are not in the file yet, and are written into it by ``keep``."""
        there = _stored(self.path)
        return tuple(name for name in NAMES if name in self._stored and name not in there)

    def keep(self) -> None:
        """Write down what was generated. Refuses when another run has generated it meanwhile. May be called again."""
        with private_directory(self.path.parent):
            there = _stored(self.path)
            if other := [
                name for name in NAMES if name in there and there[name] != self._stored.get(name, there[name])
            ]:
                raise ConfigError(
                    f"{', '.join(other)} of {self.path} was written by another run while this one started\n"
                    "HINT: run this again: it takes what is there."
                )
            self._write()

    def _write(self) -> None:
        there = _stored(self.path)
        if (complete := {**there, **self._stored}) != there:
            write_whole(self.path, json.dumps(complete, indent=2, ensure_ascii=False) + "\n", replace=True)

    def __getitem__(self, name: str) -> Secret:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self)})"


def known_secrets(directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """
    The secrets that a cluster has, by name, as ``Secrets.load`` finds and refuses them; none is made or written down.

    + directory, environment: as for ``Secrets.load``
    """
    given, path = _given(environment), directory / FILE_NAME
    stored = _stored(path)
    complete = _completed(stored, given, path)
    return {name: given.get(name) or str(complete[name]) for name in NAMES if name in given or name in stored}


def _given(environment: Mapping[str, str]) -> dict[str, str]:
    given = {name: environment[name] for name in NAMES if name in environment}
    if empty := [name for name, value in given.items() if not value]:
        raise ConfigError(f"{', '.join(empty)} is set but empty\nHINT: unset it, or set it to the real value.")
    return given


def repeated_secrets(secrets: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The groups of names that have the same value: who learns one has the others."""
    names_by_value: dict[str, list[str]] = {}
    for name, value in secrets.items():
        names_by_value.setdefault(value, []).append(name)
    return [tuple(names) for names in names_by_value.values() if len(names) > 1]


def _lacking(inherited: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in inherited.items() if name not in given}


def _completed(stored: Mapping[str, object], given: Mapping[str, str], path: Path) -> dict[str, object]:
    """What the file shall hold: all that it has, a mark for each name the environment gives, and what nobody gives."""
    marked = _marks(stored, path)
    if lost := [name for name in NAMES if name in marked and name not in given]:
        raise ConfigError(
            f"{', '.join(lost)} came from the environment before and is not set now\n"
            f"HINT: set it again; or write the value into {path} and remove its name from {ENVIRONMENT_MARK} there."
        )
    marks = [*marked, *(name for name in given if name not in marked)]
    generated = {name: _generated() for name in NAMES if name not in given and name not in stored}
    return {**stored, **generated, **({ENVIRONMENT_MARK: marks} if marks else {})}


def _generated() -> str:
    return secrets.choice(string.ascii_letters) + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))


def _stored(path: Path) -> dict[str, object]:
    if path.parent.exists():
        refuse_open_to_others(path.parent)
    if not path.exists():
        return {}
    refuse_open_to_others(path)
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise _invalid(path, f"line {error.lineno} is not valid JSON") from None
    if not isinstance(content, dict):
        raise _invalid(path, "it is not a JSON object")
    if wrong := [name for name in NAMES if name in content and not _is_text(content[name])]:
        raise _invalid(path, f"{', '.join(wrong)} is not a text or is empty")
    return content


def _marks(stored: Mapping[str, object], path: Path) -> list[str]:
    marks = stored.get(ENVIRONMENT_MARK, [])
    if not isinstance(marks, list) or not all(isinstance(name, str) for name in marks):
        raise _invalid(path, f"{ENVIRONMENT_MARK} is not a list of names")
    return marks


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _invalid(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"{path} is not valid: {problem}\n"
        "HINT: repair it or restore your backup; new secrets are never generated in its place, "
        "because the running cluster has the old ones."
    )
