"""What a look asks a host of the backups."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import repositories_of, repository_question
from facts.answer import Question
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_archiver import PgbackrestArchiver
from facts.pgbackrest_drill import PgbackrestDrill


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """The archiver's last words on a member; each repository and the drill on the repository host."""
    asked: dict[str, Question] = {}
    if "postgres" in node.roles and cluster.uses_pgbackrest(node):
        asked["archiver"] = (PgbackrestArchiver, {"stanza": cluster.name})
    if "backup" in node.roles:
        for one in repositories_of(cluster.settings):
            arguments = {"stanza": cluster.name, "repository": one.number, "holes": True}
            asked[one.question] = (PgbackrestInfo, arguments)
        asked["pgbackrest_drill"] = (PgbackrestDrill, {})
    return asked


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """What the first steps of a build ask of it: each repository, of the repository host."""
    if node is cluster.repository:
        for one in repositories_of(cluster.settings):
            yield PgbackrestInfo, repository_question(one, cluster.name, cluster.settings)
