"""The names, layers, imports and sizes on which the rest of the repository relies."""

from __future__ import annotations

import ast
import importlib
import os
import re
import stat
import statistics
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cluster.declared.model import ROLES
from cluster.secrets.secrets import NAMES
from cluster.settings.settings import PREFIXES, UNPREFIXED, Settings
from tests.lab.spec import DEFAULT_HOSTS, DEFAULT_LAB, LABEL, Lab

ROOT = Path(__file__).parent.parent
LAYERS = ("cluster", "facts", "operations", "deploys")

# The text of these is sent to the hosts and runs there: they import what a member has, and belong to no layer.
ON_HOST = "on_host"
ON_HOST_IMPORTS = {"yaml", "psycopg2"}
# How the names of those begin that are the parts of one program and lie beside each other there, too.
ON_HOST_TOGETHER = ("pgbackrest_drill", "vip")

# These run on the control machine as processes of their own, without pyinfra and its gevent.
ON_CONTROL = "on_control"
ON_CONTROL_IMPORTS = (
    *("psycopg", "matplotlib", "cluster.endpoints.probe", "cluster.endpoints.probe_timeline"),
    *("cluster.screens.notices", f"operations.util.{ON_CONTROL}"),
)

FILE_LINES = 250
BODY_LINES = 40
MEDIAN_BODY_LINES = 10


def sources(*directories: str) -> list[Path]:
    return sorted(path for directory in directories for path in (ROOT / directory).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    """A file, parsed: once, for a dozen tests look at each."""
    return ast.parse(path.read_text(), filename=str(path))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(path)))


PRODUCT = [*sources(*LAYERS, "group_data", "inventories", "monitoring"), ROOT / "inventory.py", ROOT / "config.py"]
HOST_SCRIPTS = [path for path in PRODUCT if path.parent.name == ON_HOST]
CONTROL_PROGRAMS = [path for path in PRODUCT if path.parent.name == ON_CONTROL]
LAYERED = [path for path in sources(*LAYERS) if path not in (*HOST_SCRIPTS, *CONTROL_PROGRAMS)]


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a file names in an import, wherever in the file it stands."""
    found: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            found |= {
                f"{node.module}.{alias.name}" if node.module in LAYERS else str(node.module) for alias in node.names
            }
    return frozenset(name for name in found if name.partition(".")[0] not in sys.stdlib_module_names)


def is_within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


# --- Who may import whom ---

# The folders of cluster/ from the ground up: each may import those before it, and the ground.
FLOORS = (
    *("observed", "finding_types", "parameters", "settings", "declared", "secrets", "pki", "components", "endpoints"),
    *("packages", "inventory", "verdicts", "plans", "preflight", "checks", "screens", "manual"),
)
GROUND = tuple(f"cluster.{path.stem}" for path in (ROOT / "cluster").glob("*.py") if path.stem != "__init__")


def may_import(file: str) -> tuple[str, ...]:
    if file == "cluster/errors.py":
        return ("cluster.findings", "pyinfra")
    if file.startswith("cluster/"):
        # Text in, text out is pure: what a component's files say is made where the component is declared.
        texts = ("jinja2",) if folder_of(file) == "components" else ()
        return (*GROUND, *below(folder_of(file)), "pydantic", "yaml", "cryptography", "bcrypt", *texts)
    if file.startswith("facts/"):
        return ("facts", "cluster.measures", "cluster.observed", "cluster.components", "pyinfra")
    if file.startswith("operations/"):
        return ("operations", "facts", "cluster", "pyinfra", "gevent")
    return ("deploys.parts", "deploys.components", "deploys.procedures", "operations", "cluster", "pyinfra")


def folder_of(file: str) -> str:
    """The floor of ``cluster/`` on which a file stands; "": the ground."""
    return file.split("/")[1] if file.count("/") > 1 else ""


def below(folder: str) -> tuple[str, ...]:
    """The floor itself and those below it."""
    floors = FLOORS[: FLOORS.index(folder) + 1] if folder else ()
    return tuple(f"cluster.{floor}" for floor in floors)


@pytest.mark.parametrize("path", LAYERED, ids=name_of)
def test_imports_only_what_its_layer_may(path: Path) -> None:
    allowed = may_import(name_of(path))
    assert [name for name in sorted(imports_of(path)) if not is_within(name, allowed)] == []


EDITED = [*sources("inventories"), ROOT / "group_data" / "all.py", ROOT / "inventory.py"]


@pytest.mark.parametrize("path", EDITED, ids=name_of)
def test_what_a_user_edits_imports_nothing(path: Path) -> None:
    assert imports_of(path) == set()


@pytest.mark.parametrize("path", HOST_SCRIPTS, ids=name_of)
def test_a_script_for_the_hosts_needs_only_what_patroni_needs(path: Path) -> None:
    program = next((name for name in ON_HOST_TOGETHER if path.stem.startswith(name)), path.stem)
    beside = {one.stem for one in path.parent.glob(f"{program}*.py")}
    assert imports_of(path) <= ON_HOST_IMPORTS | beside


@pytest.mark.parametrize("path", CONTROL_PROGRAMS, ids=name_of)
def test_a_program_beside_the_run_knows_nothing_of_pyinfra(path: Path) -> None:
    assert [name for name in sorted(imports_of(path)) if not is_within(name, ON_CONTROL_IMPORTS)] == []


# What is made on a developer's machine and asked by an operator; no run needs it.
MONITORING_IMPORTS = ("monitoring", "yaml", "grafana_foundation_sdk", "matplotlib", "PIL")


@pytest.mark.parametrize("path", sources("monitoring"), ids=name_of)
def test_what_draws_dashboards_knows_nothing_of_the_layers(path: Path) -> None:
    assert [name for name in sorted(imports_of(path)) if not is_within(name, MONITORING_IMPORTS)] == []


def test_only_the_errors_name_pyinfra_in_the_pure_layer() -> None:
    naming = [name_of(path) for path in sources("cluster") if any(is_within(x, ("pyinfra",)) for x in imports_of(path))]
    assert naming == ["cluster/errors.py"]


def test_the_product_never_imports_its_tests() -> None:
    assert [name_of(path) for path in PRODUCT if any(is_within(x, ("tests",)) for x in imports_of(path))] == []


NAMED_MODULE = re.compile(r"(?:from|import|`)\s*((?:cluster|facts|operations|deploys)(?:\.[a-z_]+)+)")


def test_modules_that_tests_and_pages_name_exist() -> None:
    """Also in programs that are texts, and in commands that ask a fact."""
    texts = {path: path.read_text() for path in [*sources("tests"), ROOT / "docs" / "facts.md", ROOT / "README.md"]}
    found = {(name_of(path), module) for path, text in texts.items() for module in NAMED_MODULE.findall(text)}
    named = {one for one in found if not one[1].endswith(".py")}
    places = ((file, ROOT / module.replace(".", "/")) for file, module in named)
    absent = [(file, place.name) for file, place in places if not (place.with_suffix(".py").exists() or place.is_dir())]
    assert sorted(absent) == []


QUOTED_CLASS = re.compile(r"``([A-Z][a-z]+(?:[A-Z][a-z]+)+)``")
FOREIGN_CLASSES = {"DateStyle", "TimeZone", "ValueError"}  # of PostgreSQL, of Python


def test_classes_that_docstrings_name_exist() -> None:
    texts = {name_of(path): path.read_text() for path in PRODUCT}
    made = re.compile(r"^(?:class (\w+)|(\w+)(?:: TypeAlias)? = )", re.MULTILINE)
    defined = {name for text in texts.values() for names in made.findall(text) for name in names} | FOREIGN_CLASSES
    named = {(file, name) for file, text in texts.items() for name in QUOTED_CLASS.findall(text)}
    assert sorted((file, name) for file, name in named if name not in defined) == []


# --- What nobody may use ---

BANNED = {
    "_run_once": "races: every host registers the operation before the check is seen",
    "_serial": "the order of hosts is random, and a failure does not stop it",
    "_retry_until": "an exhausted wait counts as success",
    "_ignore_errors": "a half changed cluster is worse than an unchanged one",
    "local.include": "drops the surrounding conditions",
    "time.sleep": "a wait has a name, a condition and an end",
}
# file: words that it may use all the same, and why
EXCEPTIONS = {
    # On the host itself, between two tries of a wait that ends.
    "facts/on_host/endpoints_try.py": {"time.sleep"},
    "facts/on_host/patroni_ask.py": {"time.sleep"},
    "facts/on_host/patroni_pause_seen.py": {"time.sleep"},
    "operations/util/on_host/patroni_patch.py": {"time.sleep"},
    "operations/util/on_host/patroni_restart.py": {"time.sleep"},
    # The same in a process of its own, and the moment for which it goes on when the run has told it to end.
    "operations/util/on_control/probe.py": {"time.sleep"},
}


def words_of(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("path", sources("facts", "operations", "deploys"), ids=name_of)
def test_uses_nothing_that_is_banned(path: Path) -> None:
    allowed = EXCEPTIONS.get(name_of(path), set())
    assert sorted((set(words_of(path)) & set(BANNED)) - allowed) == []


def test_every_exception_is_still_needed() -> None:
    for file, words in EXCEPTIONS.items():
        assert words <= set(words_of(ROOT / file)), file


# --- One name for a component, and for a run, in every layer ---

COMPONENTS = (
    *("certificates", "chrony", "etcd", "haproxy", "packages", "patroni", "postgres", "secrets"),
    *("pgbackrest", "vip", "keepalived", "bgp", "firewall", "pgbouncer", "monitoring", "findings", "journald"),
)
# Words of a layer rather than of a component.
SHARED = {
    "facts": ("host", "proof", "answer", "member"),
    "operations": ("first_look", "proof", "undeclared"),
    "deploys/components": ("first_look", "proof", "undeclared"),
    "cluster/components": (
        "all",
        "component",
        "data_mounts",
        "files",
        "pg_hba",
        "rendering",
        "sandbox",
        "standby_cluster",
    ),
}
# What several runs do, or what is a run only with an option, is called after itself.
SHARED_RUNS = {
    "operations/runs": ("adopt", "services"),
    "cluster/plans": ("adopt",),
    "deploys/procedures": ("power",),
}


def stems(directory: str) -> set[str]:
    """The files and folders of Python in a directory."""
    found = {path for path in (ROOT / directory).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    return {path.stem for path in found} - {"__init__"}


@pytest.mark.parametrize("directory", SHARED)
def test_a_file_is_called_after_its_component(directory: str) -> None:
    """``patroni.py``, or ``patroni_<part>.py`` where one file would grow too long."""
    known = (*COMPONENTS, *SHARED[directory])
    folders = {"health", "preflight", "runs", "acts", "live", "util"}
    assert [name for name in sorted(stems(directory) - folders) if not name.startswith(known)] == []


@pytest.mark.parametrize("directory", SHARED_RUNS)
def test_a_run_has_the_name_of_its_deploy_in_every_layer(directory: str) -> None:
    assert sorted(stems(directory) - stems("deploys") - set(SHARED_RUNS[directory])) == []


def test_templates_are_sorted_by_component() -> None:
    directories = [path.name for path in (ROOT / "cluster" / "components" / "templates").iterdir()]
    assert set(directories) <= set(COMPONENTS)


def operates(path: Path) -> bool:
    """Whether a module defines an operation."""
    decorated = (one for function in functions_of(path) for one in function.decorator_list)
    return any(getattr(getattr(one, "func", one), "id", "") == "operation" for one in decorated)


@pytest.mark.parametrize("path", [*(ROOT / "operations").glob("*.py"), *sources("operations/runs")], ids=name_of)
def test_states_and_runs_are_operations(path: Path) -> None:
    """What only acts is in ``acts``, what only looks in ``live``."""
    assert operates(path) or path.stem == "__init__"


FILES_SIDE_BY_SIDE = 30
# Shelves: one file a run or a subject, found by its name and by an index rather than by reading the folder.
SHELVES = {"deploys", "docs", "docs/runs"}
FILES_ON_A_SHELF = 40


def crowded() -> Iterator[str]:
    """The folders with more files side by side than a person takes in."""
    for top in (*LAYERS, "tests", "docs"):
        for folder in [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]:
            files = [path for path in folder.iterdir() if path.is_file() and path.name != "__init__.py"]
            most = FILES_ON_A_SHELF if name_of(folder) in SHELVES else FILES_SIDE_BY_SIDE
            if len(files) > most and not {"golden", "__pycache__"} & set(folder.parts):
                yield f"{name_of(folder)}: {len(files)}"


def test_no_folder_is_crowded() -> None:
    assert list(crowded()) == []


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "common", "misc"])
def test_no_file_has_a_name_that_says_nothing(word: str) -> None:
    assert [name_of(path) for path in PRODUCT if path.stem == word] == []


# --- Sizes ---

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions_of(path: Path) -> Iterator[Function]:
    yield from (node for node in nodes_of(path) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines of the body from its first statement on, the docstring left out."""
    documented = ast.get_docstring(function) is not None
    statements = function.body[1:] if documented else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


# A line a setting, made by `make docs`.
GENERATED = ROOT / "group_data" / "all.py"


@pytest.mark.parametrize("path", [path for path in PRODUCT if path != GENERATED], ids=name_of)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", sources(*LAYERS), ids=name_of)
def test_no_function_is_too_long(path: Path) -> None:
    sizes = {function.name: body_lines(function) for function in functions_of(path)}
    assert {name: size for name, size in sizes.items() if size > BODY_LINES} == {}


def test_most_functions_are_short() -> None:
    sizes = [body_lines(function) for path in sources(*LAYERS) for function in functions_of(path)]
    assert statistics.median(sizes) < MEDIAN_BODY_LINES


# --- Docstrings ---


def undocumented(path: Path) -> Iterator[str]:
    tree = tree_of(path)
    if tree.body and ast.get_docstring(tree) is None:
        yield "the module"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield from _undocumented_within(node)


def _undocumented_within(node: ast.ClassDef | Function) -> Iterator[str]:
    if ast.get_docstring(node) is None:
        yield node.name
    if isinstance(node, ast.ClassDef):
        methods = (inner for inner in node.body if isinstance(inner, Function) and not inner.name.startswith("_"))
        yield from (f"{node.name}.{inner.name}" for inner in methods if ast.get_docstring(inner) is None)


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_everything_public_says_what_it_is_for(path: Path) -> None:
    assert list(undocumented(path)) == []


# --- Fixed names: other people's scripts depend on them ---


def test_groups() -> None:
    assert ROLES == ("postgres", "etcd", "haproxy", "backup", "monitor")


def test_default_ports() -> None:
    assert {name: value for name, value in Settings().model_dump().items() if name.endswith("_port")} == {
        "postgres_port": 5432,
        "patroni_rest_port": 8008,
        "etcd_client_port": 2379,
        "etcd_peer_port": 2380,
        "haproxy_primary_port": 5000,
        "haproxy_replicas_port": 5001,
        "haproxy_synchronous_port": 5002,
        "haproxy_asynchronous_port": 5003,
        "haproxy_any_port": 5004,
        "haproxy_stats_port": 7000,
        "pgbouncer_write_port": 6432,
        "pgbouncer_read_port": 6433,
        "pgbouncer_session_port": 6434,
        "firewall_ssh_port": 22,
        "pgbackrest_port": 8432,
        "monitoring_node_port": 9100,
        "monitoring_postgres_port": 9187,
        "monitoring_pgbouncer_port": 9127,
        "monitoring_etcd_port": 2381,
        "monitoring_etcd_local_port": 2382,
        "monitoring_prometheus_port": 9090,
        "monitoring_alertmanager_port": 9093,
    }


def test_secrets_in_the_environment() -> None:
    assert NAMES == (
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


def test_where_secrets_lie() -> None:
    module = importlib.import_module("deploys.parts.secrets")
    assert Path(".secrets") == module.DIRECTORY
    assert {".secrets/", ".lab/"} <= set((ROOT / ".gitignore").read_text().split())


def test_prefixes_of_settings() -> None:
    assert all(name.startswith(PREFIXES) for name in set(Settings.model_fields) - UNPREFIXED)


MAKE_TARGETS = {
    *("help", "cluster", "lab", "lab-down", "lint", "bench", "docs", "settings", "dashboards"),
    *("test", "test-all", "test-fast", "test-lab", "test-pythons"),
}


def test_make_targets() -> None:
    text = (ROOT / "Makefile").read_text()
    documented = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert documented == MAKE_TARGETS
    assert set(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()) == MAKE_TARGETS


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert os.stat(script).st_mode & stat.S_IXUSR
    assert script.read_text().endswith("exec make test\n")
    assert "make test" in (ROOT / "README.md").read_text()


def test_lab_hosts() -> None:
    assert [host.container for host in Lab().hosts(DEFAULT_HOSTS)] == ["lab-pg1", "lab-pg2", "lab-pg3", "lab-backup1"]
    assert (DEFAULT_LAB, LABEL) == ("lab", "pyinfra-patroni.lab")


# --- The tests: what they may not take from where and when they happen to run ---

TESTS = sources("tests")
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime"}
CLOCKED = {"datetime", "date", "time", "dt"}


def calls_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that loading a module makes: those of its functions' bodies come later."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda):
            arguments = child.args
            early = [*arguments.defaults, *(one for one in arguments.kw_defaults if one), *decorators(child)]
            for one in early:
                yield from calls_at_import(ast.Expression(one))
        else:
            if isinstance(child, ast.Call):
                yield child
            yield from calls_at_import(child)


def decorators(function: Function | ast.Lambda) -> list[ast.expr]:
    return [] if isinstance(function, ast.Lambda) else function.decorator_list


def reads_the_clock(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in CLOCKS:
        return False
    owner = function.value.attr if isinstance(function.value, ast.Attribute) else getattr(function.value, "id", "")
    return owner in CLOCKED


def clocked_lines(tree: ast.Module) -> list[int]:
    return [call.lineno for call in calls_at_import(tree) if reads_the_clock(call)]


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_no_test_takes_the_time_when_it_is_loaded(path: Path) -> None:
    """It runs minutes later, and what it then issues or writes is newer than its "now"."""
    assert clocked_lines(tree_of(path)) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("NOW = datetime.now(UTC)", [1]),
        ("NOW = datetime.datetime.now()", [1]),
        ("class World:\n    at = int(time.time())", [2]),
        ("def f(at=time.time()): ...", [1]),
        ("@parametrize('at', [date.today()])\ndef test(at): ...", [1]),
        ("AGES = [{'at': time.time() - n} for n in range(3)]", [1]),
        ("def now():\n    return datetime.now(UTC)", []),
        ("now = lambda: time.time()", []),
        ("class World:\n    def at(self):\n        return time.time()", []),
        ("began = time.monotonic", []),
    ],
)
def test_a_time_that_is_taken_at_import_is_seen(text: str, lines: list[int]) -> None:
    assert clocked_lines(ast.parse(text)) == lines


def names_of_labs(path: Path) -> set[str]:
    """What a test calls the labs that it makes."""
    calls = (node for node in nodes_of(path) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "site")
    return {call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)}


def texts_of(path: Path) -> Iterator[tuple[str, bool]]:
    """The texts in a file, each with whether it is the name of a lab or of a directory."""
    named = {id(node.args[0]) for node in nodes_of(path) if isinstance(node, ast.Call) and node.args}
    for node in nodes_of(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, id(node) in named


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "lab").rglob("test_*.py")), ids=name_of)
def test_the_name_of_a_lab_is_asked_for_and_not_spelled(path: Path) -> None:
    """LAB_SUFFIX changes it, so that the labs of two checkouts can be on one machine."""
    patterns = [re.compile(rf"(?<![\w-]){re.escape(str(name))}(?![\w*])") for name in names_of_labs(path)]
    spelled = [text for text, named in texts_of(path) if not named and any(one.search(text) for one in patterns)]
    assert spelled == []


# --- Dependencies ---


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=~! ]", text)[0].lower() for text in wanted}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines if "==" in line}
    assert names - pinned == set()


def test_pins_are_exact() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!]+", line)] == []


# --- Pages ---

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [match[1] for match in LINK.finditer(page.read_text())]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    names = [str(page.relative_to(ROOT / "docs")) for page in PAGES[1:]]
    assert [name for name in names if name != "index.md" and f"({name})" not in index] == []


def test_every_page_that_the_code_names_exists() -> None:
    named = {match for path in PRODUCT for match in re.findall(r"docs/[\w/-]+\.md", path.read_text())}
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []


def test_every_deploy_has_a_page() -> None:
    deploys = [path.stem for path in (ROOT / "deploys").glob("*.py") if path.stem != "__init__"]
    assert [name for name in deploys if not (ROOT / "docs" / "runs" / f"{name.replace('_', '-')}.md").exists()] == []
