"""Whether a host can still be reached by who is not connected to it yet."""

from __future__ import annotations

import gevent
from pyinfra import state
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError
from pyinfra.connectors.ssh import SSHConnector


def refused_anew(target: Host, seconds: int) -> str | None:
    """
    Why a host cannot be reached over a new ssh connection, from the same machine and in the same way as this run does;
    None: it can, or ssh is not how it is reached.

    + seconds: how long it may take
    """
    if not isinstance(target.connector, SSHConnector):
        return None
    another = SSHConnector(state, target)
    reason: str | None = f"no answer in {seconds} seconds"
    with gevent.Timeout(seconds, False):
        try:
            another.connect()
            reason = None
        except (PyinfraError, OSError, EOFError) as error:
            reason = str(error)
    if another.client is not None:
        another.client.close()
    return reason
