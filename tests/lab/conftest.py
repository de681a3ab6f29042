"""What the tests of the lab share: hosts, and a cluster that is built on them once."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from gevent import monkey
from xdist.scheduler import LoadScopeScheduling

from tests.lab import areas
from tests.lab.engine import ensure_engine
from tests.lab.paths import ROOT
from tests.lab.vocabulary.runs import MEMBERS, Built, run, site, wait_until_settled

# What moves the leader from host to host comes after what looks at a cluster as it was built.
LAST = ("test_second_run.py", "test_failover.py")
# Beside the longest file there is still another one to run when it comes first.
MINUTES = {ROOT / "tests" / "lab" / file.area / file.name: file.minutes for file in areas.FILES}
SHARED = "t2"
OPEN = ExitStack()  # what the shared cluster needs to be gone


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``make test`` and ``make test-lab`` ask for."""
    group = parser.getgroup("lab", "the lab's tests, see tests/lab/areas.py")
    group.addoption("--core", action="store_true", help="only the core of them")
    group.addoption("--area", choices=list(areas.AREAS), default="", help="only those of an area")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whatever is tested in this directory needs the containers."""
    item.add_marker(pytest.mark.lab)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is asked for; what shares a cluster comes together, and what breaks it last; then what takes long first."""
    _select(config, items)
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[bool, float]:
    if _shares(item):
        return False, LAST.index(item.path.name) if item.path.name in LAST else -1
    return True, -MINUTES.get(item.path, 0)


def _select(config: pytest.Config, items: list[pytest.Item]) -> None:
    # This file is loaded late where pytest is not asked for tests/lab alone, and then there are no such options.
    core, area = config.getoption("core", False), config.getoption("area", "")
    if not core and not area:
        return
    wanted = areas.selected([item.nodeid for item in items], core=core, area=area)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in wanted])
    items[:] = [item for item in items if item.nodeid in wanted]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The shared cluster goes with the last that needs it: idle, it would still cost the other labs their time."""
    if _shares(item) and (nextitem is None or not _shares(nextitem)):
        OPEN.close()


def _shares(item: pytest.Item) -> bool:
    return shares_the_cluster(item.path)


class ByLab(LoadScopeScheduling):
    """Files run side by side, each with labs of its own; those that share the cluster ``built`` go to one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return SHARED if shares_the_cluster(ROOT / file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByLab:
    """pytest-xdist asks who runs what."""
    # Else it takes the files by the number of their tests. Of the core it is known how long each takes.
    config.option.loadscopereorder = not config.getoption("core", False)
    return ByLab(config, log)


@cache
def shares_the_cluster(file: Path) -> bool:
    """Whether a test file uses the fixture ``built`` of this one."""
    text = file.read_text()
    return "def built(" not in text and re.search(r"def test_\w+\(\s*built\b", text) is not None


@pytest.fixture(scope="session", autouse=True)
def real_threads() -> None:
    """Refuse to run where gevent has replaced threads: a load of writes would measure nothing but gevent."""
    if monkey.is_module_patched("threading"):
        pytest.exit("tests/lab needs a process of its own: pytest tests/lab (another test here imports pyinfra_cli)", 3)


@pytest.fixture(scope="session", autouse=True)
def engine(real_threads: None) -> None:
    """A container engine that answers: installed and started here where none does, before any test asks it."""
    ensure_engine()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """
    The cluster of one lab, with three members and a host for backups, built by ``deploys/cluster.py``.

    Shared by all test files: a test that stops or moves something leaves three streaming members behind
    (``wait_until_settled``), so that the next one finds what it expects.
    """
    ready = OPEN.enter_context(site(SHARED, tmp_path_factory.mktemp(SHARED), hosts=(*MEMBERS, "backup1")))
    first = run(ready.inventory)
    wait_until_settled(ready.lab)
    yield Built(ready.lab, ready.inventory, first)
    OPEN.close()
