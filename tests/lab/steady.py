"""How long writes may be interrupted while the leader stays where it is."""

import os

ALONE_SECONDS = 0.5
# Beside another lab two cores are short of time now and then; yet no switchover is this quick.
BESIDE_ANOTHER_SECONDS = 1.5

_labs_at_a_time = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
STEADY_GAP_SECONDS = ALONE_SECONDS if _labs_at_a_time == 1 else BESIDE_ANOTHER_SECONDS
