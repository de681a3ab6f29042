"""
Whom PgBouncer lets in: those whom PostgreSQL would, for behind PgBouncer PostgreSQL sees no client's address any more.

PgBouncer reads less than PostgreSQL: no groups, no expressions, no names of hosts, and of the methods passwords alone.
https://www.pgbouncer.org/config.html#hba-file-format
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cluster.declared.address import Address
from cluster.declared.model import Cluster
from cluster.declared.monitoring import ROLE
from cluster.declared.pgbouncer import AUTH_ROLE, LOOKUP_ROLE
from cluster.declared.vip import addresses_on_balancers
from cluster.settings.firewall import ANYWHERE
from cluster.settings.hba_address import Where
from cluster.settings.hba_grammar import Rule, Word, hba_rule

_PASSWORD, _REJECT = "scram-sha-256", "reject"
# With TLS, which PgBouncer demands of all clients.
_KINDS = ("host", "hostssl", "hostnogssenc")
_KEYWORDS, _UNKNOWN = ("all", "sameuser"), ("samerole", "samegroup")


def client_lines(cluster: Cluster) -> list[str]:
    """All lines in order; the first that fits decides, and whom none fits is rejected."""
    admin = cluster.settings.postgres_admin_user
    measures = [f"local pgbouncer {ROLE} peer", f"hostssl all {ROLE} all reject"] if cluster.settings.monitoring else []
    return [
        *measures,
        f"hostssl {LOOKUP_ROLE} all 0.0.0.0/0 {_REJECT}",
        f"hostssl {LOOKUP_ROLE} all ::/0 {_REJECT}",
        f"hostssl all postgres,replicator,rewind,{AUTH_ROLE} 0.0.0.0/0 {_REJECT}",
        f"hostssl all postgres,replicator,rewind,{AUTH_ROLE} ::/0 {_REJECT}",
        f"hostssl all all 127.0.0.1/32 {_PASSWORD}",
        f"hostssl all all ::1/128 {_PASSWORD}",
        # A run ends with a member that tries every endpoint. To an address that it has it comes from that address.
        *(f'hostssl postgres "{admin}" {place.hba} {_PASSWORD}' for place in _proving(cluster)),
        *(line for text in cluster.settings.postgres_hba for line in _line(_rule(cluster, text))),
    ]


def _proving(cluster: Cluster) -> list[Address]:
    members = (address for member in cluster.members for address in member.addresses_in("client"))
    return [*members, *addresses_on_balancers(cluster)]


def unheld_lines(cluster: Cluster) -> list[str]:
    """
    Lines of ``postgres_hba`` that keep clients out, or ask for more than a password, and that PgBouncer cannot read:
    without them it would let in whom PostgreSQL rejects. One that only lets in is left out instead.
    """
    rules = [_rule(cluster, text) for text in cluster.settings.postgres_hba]
    return [rule.text for rule in rules if _concerns(rule) and _method(rule) == _REJECT and not _is_readable(rule)]


def _rule(cluster: Cluster, text: str) -> Rule:
    return hba_rule(text, cluster.settings.postgres_version)


def _line(rule: Rule) -> Iterator[str]:
    if not _concerns(rule):
        return
    if not _is_readable(rule):
        yield f"# left out: {rule.text}"
        return
    databases, roles = (",".join(map(_word, words)) for words in (_databases(rule), rule.roles))
    for network in _networks(rule.where):
        yield f"hostssl {databases} {roles} {network} {_method(rule)}"


def _concerns(rule: Rule) -> bool:
    """Whether a line may be met by a client of PgBouncer: by TCP, with TLS, and not for replication alone."""
    return rule.kind in _KINDS and bool(_databases(rule))


def _databases(rule: Rule) -> list[Word]:
    return [word for word in rule.databases if word != Word("replication")]


def _method(rule: Rule) -> str:
    """A password is all that PgBouncer can ask for: who needs to show anything else does not get in through it."""
    return _PASSWORD if rule.method == _PASSWORD and not rule.options else _REJECT


def _is_readable(rule: Rule) -> bool:
    named = all(_is_name(word) and not (not word.quoted and word.text in _UNKNOWN) for word in rule.databases)
    roles = all(_is_name(word) and (word.quoted or not word.text.startswith("+")) for word in rule.roles)
    return named and roles and (rule.where == "all" or not isinstance(rule.where, str))


def _is_name(word: Word) -> bool:
    return not word.text.startswith(("/", "@"))


def _word(word: Word) -> str:
    keyword = not word.quoted and word.text in _KEYWORDS
    return word.text if keyword else '"' + word.text.replace('"', '""') + '"'


def _networks(where: Where | None) -> Iterator[str]:
    if isinstance(where, ipaddress.IPv4Network | ipaddress.IPv6Network):
        yield str(where)
    elif where == "all":
        yield from ANYWHERE
