"""pyinfra's own run: its refusals, its connections, its end."""

from __future__ import annotations

import socket
import sys
from typing import NoReturn

import gevent
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError

from cluster.errors import ConfigError

# A peer that is silent for a minute, to what was sent as to the question whether it is there, is gone.
SOCKET_OPTIONS = {
    "TCP_NODELAY": 1,
    "TCP_KEEPIDLE": 15,
    "TCP_KEEPINTVL": 15,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,  # in milliseconds
}


def quiet_refusals() -> None:
    """
    A refusal is a sentence for the user; gevent would print a traceback of the greenlet besides.

    Set on the hub itself: gevent's resolver gives the hub a value of its own as soon as a name was looked up.
    """
    hub = gevent.get_hub()
    if PyinfraError not in hub.NOT_ERROR:
        hub.NOT_ERROR = (*hub.NOT_ERROR, PyinfraError)


def disable_nagle(target: Host) -> None:
    """
    Send small packets at once: paramiko leaves Nagle's algorithm on, and every command then waits 40 ms for an
    acknowledgement that the other side delays. And notice a network that is cut: without, the run would wait for ever.
    """
    client = getattr(target.connector, "client", None)
    transport = client and client.get_transport()
    if transport is not None and isinstance(transport.sock, socket.socket):  # a ProxyJump channel has no options
        transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in SOCKET_OPTIONS.items():
            if hasattr(socket, name):  # not every system has all of them
                transport.sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def end_run(code: int) -> NoReturn:
    """
    End a run that only looks, before pyinfra asks whether it shall now execute nothing. Its connections are closed.

    + code: the exit code
    """
    raise SystemExit(code)


def refuse_other_deploys(name: str) -> None:
    """Refuse a run of several deploy files: pyinfra reads them all before it executes the first. + name: of this one"""
    files = [word for word in sys.argv[1:] if word.endswith(".py") and not word.endswith(f"/{name}")]
    if len(files) > 1:
        raise ConfigError(f"{name} looks at the hosts before {files[-1]} is done\nHINT: give each a run of its own.")
