"""journald: how much of the disk the journal may take, where that is declared."""

from cluster.components.journald.component import COMPONENT as COMPONENT
