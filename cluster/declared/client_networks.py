"""From where clients come, as settings and lines of pg_hba say it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.settings.firewall import ANYWHERE
from cluster.settings.hba_grammar import Rule, hba_rule
from cluster.settings.settings import Settings

_OWN = "samehost"


def client_networks(settings: Settings) -> tuple[str, ...]:
    """The networks of clients: those that are declared, or else those that the lines of postgres_hba let in."""
    if settings.firewall_client_networks:
        return tuple(settings.firewall_client_networks)
    return tuple(dict.fromkeys(text for rule in _letting_in(settings) for text in _networks(rule)))


def lines_without_network(settings: Settings) -> tuple[str, ...]:
    """The lines of postgres_hba that let in whom no network tells: hosts by name, and the host's own network."""
    return tuple(
        rule.text for rule in _letting_in(settings) if isinstance(rule.where, str) and rule.where not in ("all", _OWN)
    )


def _letting_in(settings: Settings) -> Iterator[Rule]:
    for line in settings.postgres_hba:
        rule = hba_rule(line, settings.postgres_version)
        if rule.where is not None and rule.method != "reject":
            yield rule


def _networks(rule: Rule) -> Iterable[str]:
    if rule.where == "all":
        return ANYWHERE
    if rule.where is None or isinstance(rule.where, str) or rule.where.is_loopback:
        return ()
    return (str(rule.where),)
