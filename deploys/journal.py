"""Show what runs did on the cluster: who, when, from where, each act with its outcome; from the journals of all hosts.

    pyinfra inventory.py deploys/journal.py [--data runs=10] [--data since=12h]

Changes nothing, asks nothing, waits for no other run, and works while hosts are dead: it names them. With `--json` it
prints one JSON document. Refuses only errors in the inventory and a ``since`` that is no moment.
"""

from deploys.parts.begin import look_alone
from deploys.parts.options import option
from operations.live.journal import print_journal

since, runs = option("since"), option("runs")

look_alone("journal.py", lambda clusters: print_journal(clusters, since, runs))
