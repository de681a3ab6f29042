"""What is wrong, where, and how to fix it: the rows of the one table that a refusal prints."""

from __future__ import annotations

import re
import shutil
import string
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

# The long column: what a terminal has left for it, within what reads well.
PROBLEM_WIDTHS = (40, 76)


@dataclass(frozen=True, order=True)
class Finding:
    """
    One reason to refuse.

    + where: the file that declares it, or the host on which it was seen
    + what: the setting or the thing, e.g. ``patroni_ttl`` or ``clock``
    + problem: lower case, with the value and the limit in it, no full stop
    + hint: a sentence that says the way out
    """

    where: str
    what: str
    problem: str
    hint: str


def findings_table(findings: Iterable[Finding], columns: int | None = None) -> str:
    """
    The findings as text, one block of lines each, the columns aligned and the long column wrapped.

    + columns: width of the terminal; absent: as it is, or 120 where there is none
    """
    rows = [Finding(*map(_printable, astuple(row))) for row in sorted(set(findings))]
    columns = shutil.get_terminal_size((120, 24)).columns if columns is None else columns
    widths = (max(len(row.where) for row in rows), max(len(row.what) for row in rows))
    least, most = PROBLEM_WIDTHS
    room = min(most, max(least, columns - sum(widths) - 6))
    return "\n".join(line for row in rows for line in _lines(row, widths, room))


def _printable(text: str) -> str:
    """A text that may be anybody's, without what a terminal would obey or not show."""
    return "".join(
        one if one.isprintable() or one in string.whitespace else one.encode("unicode_escape").decode() for one in text
    )


def _lines(row: Finding, widths: tuple[int, int], room: int) -> Sequence[str]:
    where, what = widths
    problem, *more = [*_wrapped(row.problem, room), *_wrapped(f"HINT: {row.hint}", room)]
    first = f"  {row.where:<{where}}  {row.what:<{what}}  {problem}"
    return [first, *(" " * (where + what + 6) + line for line in more)]


def _wrapped(text: str, room: int) -> Sequence[str]:
    # A command is to be copied: it stays on one line.
    whole = re.sub(r"`[^`]*`", lambda command: command[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, room, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]
