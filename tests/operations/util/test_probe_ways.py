"""By which way a probe measures, where there are virtual addresses that this machine may not reach."""

import socket

from operations.util.on_control.probe import first_reached, through

# Nobody has it: RFC 5737.
NOWHERE = "192.0.2.77"


def way(host, port):
    return {"host": host, "port": str(port)}


def test_a_virtual_address_that_answers_is_measured():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = way(f"{NOWHERE},127.0.0.1", f"{server.getsockname()[1]},{server.getsockname()[1]}")
        ways = [address, way("127.0.0.9", 5000)]
        assert first_reached(ways) is address
        assert through(ways, address) == f"measured at the virtual address {NOWHERE} or 127.0.0.1"


def test_the_hosts_are_measured_where_no_address_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    ways = [way("127.0.0.1", closed), way("127.0.0.2", 5000)]
    assert first_reached(ways) is ways[1]
    assert through(ways, ways[1]) == "measured at the hosts themselves: no virtual address is reached from here"


def test_without_virtual_addresses_there_is_nothing_to_say():
    ways = [way("127.0.0.1", 1)]
    assert first_reached(ways) is ways[0]
    assert through(ways, ways[0]) == ""
