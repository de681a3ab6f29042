"""Limits of time, which depend on whether a lab has the machine to itself."""

import os

LABS_AT_A_TIME = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

# How long writes may be interrupted while the leader stays where it is. A machine that is busy is short of time now and
# then; yet no election is this quick.
STEADY_GAP_SECONDS = 3.0
