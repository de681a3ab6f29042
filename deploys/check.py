"""List everything that is wrong with the cluster, each with its cause and the command that mends it.

    pyinfra inventory.py deploys/check.py

Changes nothing, asks nothing, and works while hosts are dead. Exits with 1 when there is a finding, for cron and for
pipelines; with `--json` it prints one JSON document. Refuses mistakes in the inventory alone.
"""

from deploys.parts.begin import look
from operations.live.overview import print_check

look("check.py", print_check)
