"""What still holds a member to its cluster: clients of its PostgreSQL, and the slots that the others keep for it."""

from __future__ import annotations

from shlex import quote

from facts.answer import Answer
from facts.postgres import AWAIT, PSQL


class ClientsLeft(Answer[int]):
    """
    How many clients are connected over the network; those of the host itself, Patroni among them, do not count.

    + port: where PostgreSQL listens on this host
    + wait_seconds: how long to wait until there is none
    """

    def command(self, port: int, wait_seconds: int = 0) -> str:
        """Ask until nobody is left."""
        sql = "select pid from pg_stat_activity where backend_type = 'client backend' and client_addr is not null"
        return AWAIT.format(wait=wait_seconds, psql=PSQL, port=port, sql=quote(sql))

    def parsed(self, output: list[str]) -> int:
        """One process number a line; an empty line for nobody."""
        return len([line for line in output if line])


class SlotLeft(Answer[bool]):
    """
    Whether a replication slot is there.

    + port: where PostgreSQL listens on this host
    + slot: its name
    + wait_seconds: how long to wait until it is gone
    """

    def command(self, port: int, slot: str, wait_seconds: int = 0) -> str:
        """Ask until it is gone. A slot's name has no character that SQL would misread."""
        sql = f"select slot_name from pg_replication_slots where slot_name = '{slot}'"
        return AWAIT.format(wait=wait_seconds, psql=PSQL, port=port, sql=quote(sql))

    def parsed(self, output: list[str]) -> bool:
        """Its name, or an empty line."""
        return any(output)
