"""What the tests of the lab share: hosts, and a cluster that is built on them once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gevent import monkey

from tests.lab.engine import ensure_engine
from tests.lab.runs import MEMBERS, Built, run, site, wait_until_settled

HERE = Path(__file__).parent

# What moves the leader from host to host comes after what looks at a cluster as it was built.
LAST = ("test_second_run.py", "test_failover.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever is tested in this directory needs the containers; what breaks the shared cluster comes last."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
    items.sort(key=lambda item: LAST.index(item.path.name) if item.path.name in LAST else -1)


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
    The cluster of the lab ``t2`` with three members and a host for backups, built by ``deploys/cluster.py``.

    Shared by all test files: a test that stops or moves something leaves three streaming members behind
    (``wait_until_settled``), so that the next one finds what it expects.
    """
    with site("t2", tmp_path_factory.mktemp("t2"), hosts=(*MEMBERS, "backup1")) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)
