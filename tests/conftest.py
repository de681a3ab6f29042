"""What all tests share: a property says what holds, not how fast; and children that are as an operator's would be."""

import os
import signal
from collections.abc import Iterator
from functools import cache

import pytest
from gevent import monkey
from hypothesis import settings
from pyinfra.api import arguments, connectors

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# How wide a table is where no terminal says it, as in CI; else a narrow window would break its lines elsewhere.
os.environ["COLUMNS"] = "120"

# pyinfra's command line replaces threads by gevent's when it is loaded. A worker of pytest-xdist has some by then, and
# would wait for itself; what is tested here starts its greenlets itself and needs no such threads.
if "PYTEST_XDIST_WORKER" in os.environ:
    monkey.patch_all = lambda *_, **__: None

# What pyinfra looks up anew for every host and every operation is the same in a whole process, and a quarter of the
# time of all tests on simulated hosts.
connectors.entry_points = cache(connectors.entry_points)
arguments.all_global_arguments = cache(arguments.all_global_arguments)


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> Iterator[None]:
    """
    Give children the signals that this process was told to ignore: a script's job ignores SIGINT, nohup SIGHUP.

    What ignores a signal hands that down through every exec, and a shell cannot even trap it then: PostgreSQL's
    stand-in would not be stopped by it. A handler that does nothing is as good for this process, and ends at an exec.
    """
    ignored = [one for one in signal.valid_signals() if signal.getsignal(one) == signal.SIG_IGN]
    ignored = [one for one in ignored if one not in (signal.SIGPIPE, signal.SIGXFSZ)]  # Python's own, and undone by it
    for one in ignored:
        signal.signal(one, lambda *_: None)
    yield
    for one in ignored:
        signal.signal(one, signal.SIG_IGN)
