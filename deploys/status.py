"""Show the cluster on one screen: etcd, members, HAProxy, certificates, and how many findings there are.

    pyinfra inventory.py deploys/status.py

Changes nothing, asks nothing, and works while hosts are dead: they are rows without figures. With `--json` it prints
one JSON document. Refuses mistakes in the inventory alone.
"""

from deploys.parts.begin import look
from operations.live.overview import print_status

look("status.py", print_status)
