"""
Runs on a member, as the text of ``python3 -c``: connects through every endpoint that stdin names, prints JSON.

Standard library and psycopg2 only, and nothing newer than Python 3.10.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2

ASKED = json.load(sys.stdin)
DEADLINE = time.monotonic() + ASKED["wait"]

READ_ONLY = "25006"


def attempt(endpoint: dict[str, Any]) -> dict[str, Any]:
    """As many connections at once as are asked for, to meet each member behind a port; the first misfit counts."""
    way = {"host": endpoint["address"], **endpoint.get("by", {})}
    opened: list[Any] = []
    try:
        for _ in range(endpoint.get("times", 1)):
            opened.append(psycopg2.connect(port=endpoint["port"], connect_timeout=5, **way, **ASKED["connection"]))
            tried = {**endpoint, **used(opened[-1])}
            if not fits(tried):
                break
        return tried
    finally:
        for connection in opened:
            connection.close()


def used(connection: Any) -> dict[str, Any]:
    """One read, and one write that is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_is_in_recovery(), current_setting('server_version'), coalesce(host(inet_server_addr()), '')"
        )
        in_recovery, version, server = cursor.fetchone()
        seen = {"connected": True, "in_recovery": in_recovery, "version": version.split()[0], "error": ""}
        wrote = write(cursor)
    connection.rollback()
    return {**seen, "server": server, **wrote}


def write(cursor: Any) -> dict[str, bool]:
    """Whether a write goes through, or is refused as one on a standby is."""
    try:
        cursor.execute("create temporary table pyinfra_patroni_proof as select 1 as written")
    except psycopg2.Error as error:
        return {"wrote": False, "refused": error.pgcode == READ_ONLY}
    return {"wrote": True, "refused": False}


def fits(tried: dict[str, Any]) -> bool:
    """Whether an endpoint leads where it should: to one of those that may be a primary there, or a standby."""
    if tried["wrote"]:
        return tried["server"] in tried["primaries"]
    return bool(tried["refused"]) and tried["server"] in tried["standbys"]


def can_be_tried(endpoint: dict[str, Any]) -> bool:
    """
    A virtual address: whether this host has a route to it, or has it and takes connections there, as is asked. Nothing
    is sent. HAProxy's hosts may have kept it, and PostgreSQL there not listen on it yet.
    """
    if endpoint["if"] == "held":
        return endpoint["address"] in held() and listens(endpoint)
    family = socket.AF_INET6 if ":" in endpoint["address"] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((endpoint["address"], endpoint["port"]))
    except OSError:
        return False
    return True


def held() -> set[str]:
    """This host's addresses. To bind one would not tell: PostgreSQL's hosts may bind addresses that are elsewhere."""
    said = subprocess.run(["ip", "-o", "address", "show"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {str(ipaddress.ip_interface(line.split()[3]).ip) for line in said.splitlines()}


def listens(endpoint: dict[str, Any]) -> bool:
    """Whether this host would take connections to an address that it has not at this moment."""
    everywhere = {"*", "::" if ":" in endpoint["address"] else "0.0.0.0"}
    asked = ["ss", "-Hltn", f"sport = :{endpoint['port']}"]
    said = subprocess.run(asked, stdout=subprocess.PIPE, check=True).stdout.decode()
    places = {line.split()[3].rpartition(":")[0].strip("[]") for line in said.splitlines()}
    return endpoint["address"] in places or bool(places & everywhere)


def settle(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Try until it leads where it should: HAProxy needs a moment for its first checks."""
    nothing = {"connected": False, "in_recovery": None, "wrote": False, "refused": False, "version": "", "server": ""}
    if "if" in endpoint and not can_be_tried(endpoint):
        heard = endpoint["if"] == "held" and listens(endpoint)
        return {**endpoint, **nothing, "error": "", "left_out": True, "heard": heard}
    while True:
        try:
            tried = attempt(endpoint)
        except psycopg2.Error as error:
            tried = {**endpoint, **nothing, "error": " ".join(str(error).split())}
        if fits(tried) or time.monotonic() >= DEADLINE:
            return tried
        time.sleep(0.2)


with ThreadPoolExecutor(max_workers=8) as pool:
    print(json.dumps(list(pool.map(settle, ASKED["endpoints"]))))
