"""Collect everything that support would ask for into one archive without secrets, and rank the causes on the screen.

    pyinfra inventory.py deploys/doctor.py [--data since=6h] [--data to=/var/tmp]

Changes nothing, asks nothing, and works while hosts are dead. The archive is on this machine and only its owner may
read it. Refuses only errors in the inventory, a ``since`` that is no moment, and a place that cannot be written.
"""

from deploys.parts.begin import look
from deploys.parts.options import option
from deploys.parts.secrets import held_secrets
from operations.live.doctor import print_diagnosis
from operations.live.logs import span_of

since = span_of(option("since") or "2h", "").since
place = option("to")

look(
    "doctor.py",
    lambda seen: print_diagnosis(
        seen, {one.cluster.name: held_secrets(one.cluster).values for one in seen}, place, since
    ),
)
