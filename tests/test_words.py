"""The words of pages and messages: those that we do not use, and commands that work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.declared.options import RUNS, options_of

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
GENERATED_ELSEWHERE = ("map.md",)  # from docstrings

# The word, and what we say instead.
BANNED = {
    r"mend(s|ed|ing)?": "fix",
    r"nobody|somebody|everybody|anybody": "the one who or which is meant; there is no leader, no standby can take over",
    r"whoever": "the one who or which is meant",
    r"cut off": "interrupted; unreachable",
    r"anew": "rebuilt, reissued, again",
    r"begun|began": "started, bootstrapped",
    r"begin(s|ning)? (a|an|the|with|its|his) (new )?clusters?": "bootstrap",
    r"shall": "must, should, or what is declared",
    r"lies|lie in|lie on|lie there": "is stored in, is in",
    r"gone on with|go on with|goes on with": "resumed, continued",
    r"left away|leave away|leaving away": "omitted",
    r"but for": "except",
    r"spoiled": "damaged",
    r"takes? away|taken away|took away": "remove",
    r"taken out of|take it out of|takes it out of": "removed from",
    r"way out": "fix",
    r"pass phrase": "passphrase",
    r"is no obstacle": "does not block",
    r"knock(s)?": "connect",
    r"a line a host": "one line per host",
}
WORDS = re.compile(rf"\b(?:{'|'.join(f'(?:{word})' for word in BANNED)})\b", re.IGNORECASE)

# A page, and what it quotes or means literally.
EXCEPTIONS: dict[str, set[str]] = {}

CODE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", re.DOTALL | re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_code(text: str) -> str:
    """The prose of a page; what messages and files say is quoted as code. Lines keep their numbers."""
    return CODE.sub(lambda found: "\n" * found[0].count("\n"), text)


def banned(text: str) -> Iterator[str]:
    for number, line in enumerate(without_code(text).splitlines(), 1):
        for found in WORDS.finditer(line):
            instead = next(say for word, say in BANNED.items() if re.fullmatch(word, found[0], re.IGNORECASE))
            yield f"line {number}: {found[0]!r}; say: {instead}"


@pytest.mark.parametrize("page", [one for one in PAGES if one.name not in GENERATED_ELSEWHERE], ids=name_of)
def test_a_page_uses_no_word_that_is_banned(page: Path) -> None:
    allowed = EXCEPTIONS.get(name_of(page), set())
    assert [line for line in banned(page.read_text()) if not any(repr(word) in line for word in allowed)] == []


def test_a_banned_word_is_found_in_prose_and_not_in_code() -> None:
    assert list(banned("fine\n`nobody` leads\n```\nmend that\n```\nMend it.\n")) == ["line 6: 'Mend'; say: fix"]


CODE_FILES = [
    path for layer in ("cluster", "deploys", "facts", "operations") for path in sorted((ROOT / layer).rglob("*.py"))
]


def messages_of(source: str) -> Iterator[str]:
    """What a module may print: its texts without docstrings, names, and programs of the shell."""
    tree = ast.parse(source)
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in documented else None
        if isinstance(text, str) and " " in text and not re.search(r"\$|&& ", text):
            yield text


@pytest.mark.parametrize("path", CODE_FILES, ids=name_of)
def test_a_message_uses_no_word_that_is_banned(path: Path) -> None:
    assert [line for text in messages_of(path.read_text()) for line in banned(text)] == []


@pytest.mark.parametrize("path", CODE_FILES, ids=name_of)
def test_a_message_gives_patronictl_with_its_configuration(path: Path) -> None:
    """Without it, it finds no cluster: a hint is a command that works."""
    assert [text for text in messages_of(path.read_text()) if re.search(r"patronictl (?!-c )[a-z]", text)] == []


def test_a_banned_word_is_found_in_a_message_and_not_in_a_docstring() -> None:
    source = '"""Nobody."""\ndef f(name):\n    """Anew."""\n    return f"{name} is copied anew"\n'
    assert [line for text in messages_of(source) for line in banned(text)] == [
        "line 1: 'anew'; say: rebuilt, reissued, again"
    ]


@pytest.mark.parametrize("run", RUNS)
def test_the_page_of_a_run_has_every_option(run: str) -> None:
    page = (ROOT / "docs" / "runs" / f"{run.replace('_', '-')}.md").read_text()
    assert [option for option in RUNS[run] if f"--data {option}=" not in page] == []


COMMAND = re.compile(r"deploys/(\w+)\.py((?:[ \t]+(?:\[?--?\w[\w-]*)(?:[ \t]+[\w,=|.:+-]+)?\]?)*)")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_on_a_page_has_only_options_of_its_run(page: Path) -> None:
    shown = [(run, re.findall(r"--data (\w+)=", rest)) for run, rest in COMMAND.findall(page.read_text())]
    known = [(run, options) for run, options in shown if run not in ("NAME", "COMPONENT")]
    taken = {run: set(options_of(run)) for run in RUNS}
    assert [(run, options) for run, options in known if not set(options) <= taken.get(run, set())] == []
    assert [run for run, _ in known if not (ROOT / "deploys" / f"{run}.py").exists()] == []
