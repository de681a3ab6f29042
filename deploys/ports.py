"""Show who may reach which port of which host: as a table, or for a firewall of your own.

    pyinfra inventory.py deploys/ports.py [--data format=table|nftables|json]

Derived from the inventory alone: the hosts are asked nothing. Changes nothing and waits for no other run. ``nftables``
is the file of each host as `firewall_mode = "nftables"` would load it; ``json`` is one document for programs. Refuses
only errors in the inventory.
"""

from deploys.parts.begin import look_alone
from deploys.parts.options import option
from operations.live.ports import print_ports

form = option("format")

look_alone("ports.py", lambda clusters: print_ports(clusters, form))
