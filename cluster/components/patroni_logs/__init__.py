"""PostgreSQL's log: what it says, and the timer that bounds its files."""

from cluster.components.patroni_logs.component import COMPONENT as COMPONENT
