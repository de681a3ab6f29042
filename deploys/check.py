"""List everything that is wrong with the cluster, each finding with its cause and the command that fixes it.

    pyinfra inventory.py deploys/check.py

Changes nothing, asks nothing, and works while hosts are dead. Exits with 1 if there is an alarm or a warning, for cron
and pipelines; with `--json` it prints one JSON document. Refuses only errors in the inventory.
"""

from deploys.parts.begin import look
from operations.live.overview import print_check

look("check.py", print_check)
