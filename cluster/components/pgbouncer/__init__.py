"""PgBouncer: pools of connections, in front of HAProxy or of each member's own PostgreSQL."""

from cluster.components.pgbouncer.component import COMPONENT as COMPONENT
