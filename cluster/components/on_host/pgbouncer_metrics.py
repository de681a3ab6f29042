"""
pgbouncer_metrics.py USER NAME=SOCKET...: what some processes of PgBouncer say on their consoles, as metrics.

Their names are those of prometheus-community's pgbouncer_exporter, with the label ``process`` beside its own. A process
that does not answer has ``pgbouncer_up`` 0 and nothing else, and hides nothing of the others.
"""

import socket
import struct
import sys

SECONDS = 2

# A metric, its type, labels and value.
Sample = tuple[str, str, dict[str, str], float]

# By what PgBouncer calls a column: the metric, whether it counts up, and by what its values are divided.
POOLS = {
    "cl_active": ("pools_client_active_connections", "gauge", 1),
    "cl_waiting": ("pools_client_waiting_connections", "gauge", 1),
    "cl_cancel_req": ("pools_client_cancel_connections", "gauge", 1),
    "sv_active": ("pools_server_active_connections", "gauge", 1),
    "sv_idle": ("pools_server_idle_connections", "gauge", 1),
    "sv_used": ("pools_server_used_connections", "gauge", 1),
    "sv_tested": ("pools_server_testing_connections", "gauge", 1),
    "sv_login": ("pools_server_login_connections", "gauge", 1),
    "maxwait": ("pools_client_maxwait_seconds", "gauge", 1),
}
DATABASES = {
    "pool_size": ("databases_pool_size", "gauge", 1),
    "max_connections": ("databases_max_connections", "gauge", 1),
    "current_connections": ("databases_current_connections", "gauge", 1),
    "paused": ("databases_paused", "gauge", 1),
    "disabled": ("databases_disabled", "gauge", 1),
}
STATS = {
    "total_xact_count": ("stats_sql_transactions_pooled_total", "counter", 1),
    "total_query_count": ("stats_queries_pooled_total", "counter", 1),
    "total_received": ("stats_received_bytes_total", "counter", 1),
    "total_sent": ("stats_sent_bytes_total", "counter", 1),
    "total_xact_time": ("stats_server_in_transaction_seconds_total", "counter", 1e6),
    "total_query_time": ("stats_queries_duration_seconds_total", "counter", 1e6),
    "total_wait_time": ("stats_client_wait_seconds_total", "counter", 1e6),
}
# The question, its metrics, and which columns are labels, each with its name there.
QUESTIONS = (
    ("SHOW POOLS", POOLS, {"database": "database", "user": "user"}),
    ("SHOW DATABASES", DATABASES, {"name": "name", "database": "database"}),
    ("SHOW STATS_TOTALS", STATS, {"database": "database"}),
)
LISTS = {
    "databases": "databases",
    "users": "users",
    "pools": "pools",
    "free_clients": "free_clients",
    "used_clients": "used_clients",
    "login_clients": "login_clients",
    "free_servers": "free_servers",
    "used_servers": "used_servers",
}
SETTINGS = {"max_client_conn": "config_max_client_connections", "max_user_connections": "config_max_user_connections"}


class Console:
    """The console of one process, in PostgreSQL's protocol."""

    def __init__(self, path: str, user: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(path)
        self.rest = b""
        words = b"".join(word.encode() + b"\0" for word in ("user", user, "database", "pgbouncer")) + b"\0"
        self.socket.sendall(struct.pack("!II", 8 + len(words), 196608) + words)
        self._until_ready()

    def asked(self, question: str) -> list[dict[str, str]]:
        """The rows of an answer, each as a dict of texts."""
        self.socket.sendall(b"Q" + struct.pack("!I", 5 + len(question)) + question.encode() + b"\0")
        return self._until_ready()

    def _until_ready(self) -> list[dict[str, str]]:
        names: list[str] = []
        rows: list[dict[str, str]] = []
        while True:
            kind, body = self._message()
            if kind == b"E":
                raise OSError(body.replace(b"\0", b" ").decode(errors="replace"))
            if kind == b"R" and body[:4] != b"\0\0\0\0":
                raise OSError("it asks for a password")
            if kind == b"T":
                names = _names(body)
            elif kind == b"D":
                rows.append(dict(zip(names, _values(body), strict=False)))
            elif kind == b"Z":
                return rows

    def _message(self) -> tuple[bytes, bytes]:
        kind, size = self._taken(1), struct.unpack("!I", self._taken(4))[0]
        return kind, self._taken(size - 4)

    def _taken(self, count: int) -> bytes:
        while len(self.rest) < count:
            more = self.socket.recv(65536)
            if not more:
                raise OSError("it closed the connection")
            self.rest += more
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


def _names(body: bytes) -> list[str]:
    names, place = [], 2
    for _ in range(struct.unpack("!H", body[:2])[0]):
        end = body.index(b"\0", place)
        names.append(body[place:end].decode())
        place = end + 19
    return names


def _values(body: bytes) -> list[str]:
    values, place = [], 2
    for _ in range(struct.unpack("!H", body[:2])[0]):
        (size,) = struct.unpack("!i", body[place : place + 4])
        place += 4
        values.append(body[place : place + size].decode() if size >= 0 else "")
        place += max(size, 0)
    return values


def labelled(labels: dict[str, str]) -> str:
    """Labels as the text format has them."""
    marks = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"))

    def quoted(text: str) -> str:
        for mark, instead in marks:
            text = text.replace(mark, instead)
        return text

    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items()) + "}"


def said_by(name: str, path: str, user: str) -> list[Sample]:
    """The samples of one process: metric, its type, labels, value."""
    try:
        console = Console(path, user)
        answers = [(console.asked(question), metrics, labels) for question, metrics, labels in QUESTIONS]
        lists, settings = console.asked("SHOW LISTS"), console.asked("SHOW CONFIG")
    except (OSError, ValueError, struct.error) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return [("up", "gauge", {"process": name}, 0)]
    found: list[Sample] = [("up", "gauge", {"process": name}, 1)]
    for rows, metrics, labels in answers:
        for row in rows:
            own = {"process": name, **{label: row.get(column, "") for column, label in labels.items()}}
            found += [
                (metric, kind, own, float(row[column]) / parts)
                for column, (metric, kind, parts) in metrics.items()
                if row.get(column)
            ]
    for known, of, column, value in ((LISTS, lists, "list", "items"), (SETTINGS, settings, "key", "value")):
        there = (row for row in of if row[column] in known)
        found += [(known[row[column]], "gauge", {"process": name}, float(row[value])) for row in there]
    return found


def text_of(samples: list[Sample]) -> str:
    """All samples in the text format: those of a metric side by side, whichever process they are of."""
    kinds: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    for metric, kind, labels, value in samples:
        kinds[metric] = kind
        lines.setdefault(metric, []).append(f"pgbouncer_{metric}{labelled(labels)} {value:.15g}\n")
    return "".join(f"# TYPE pgbouncer_{metric} {kinds[metric]}\n" + "".join(of) for metric, of in lines.items())


def main(user: str, *places: str) -> None:
    """Ask all of them, and print what they said."""
    there = (place.partition("=") for place in places)
    samples = [sample for name, _, path in there for sample in said_by(name, path, user)]
    sys.stdout.write(text_of(samples))


if __name__ == "__main__":
    main(*sys.argv[1:])
