"""List everything that is wrong with the cluster, each finding with its cause and the command that fixes it.

    pyinfra inventory.py deploys/check.py [--data format=table|nagios]

Changes nothing, asks nothing, and works while hosts are dead. Exits with 1 if there is an alarm or a warning, for cron
and pipelines; with `--json` it prints one JSON document. ``nagios`` prints one line and exits as Nagios and Icinga want
it of a plugin. Refuses only errors in the inventory.
"""

from deploys.parts.begin import look
from deploys.parts.options import option
from operations.live.overview import print_check

form = option("format")

look("check.py", lambda overviews: print_check(overviews, form))
