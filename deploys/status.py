"""Show the cluster on one screen: etcd, members, HAProxy, certificates, and the number of findings.

    pyinfra inventory.py deploys/status.py

Changes nothing, asks nothing, and works while hosts are dead: they are rows without values. With `--json` it prints
one JSON document. Refuses only errors in the inventory.
"""

from deploys.parts.begin import look
from operations.live.overview import print_status

look("status.py", print_status)
