"""An address prints itself as each consumer wants it."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.address import Address, addresses_within


def test_v4_as_each_consumer_wants_it() -> None:
    address = Address("10.0.0.1")
    assert (str(address), address.bracketed, address.loopback) == ("10.0.0.1", "10.0.0.1", "127.0.0.1")
    assert (address.hba, address.endpoint(5432)) == ("10.0.0.1/32", "10.0.0.1:5432")
    assert (address.url(2379), address.url(80, "http")) == ("https://10.0.0.1:2379", "http://10.0.0.1:80")


def test_v6_as_each_consumer_wants_it() -> None:
    address = Address("2001:db8::1")
    assert (str(address), address.bracketed, address.loopback) == ("2001:db8::1", "[2001:db8::1]", "::1")
    assert (address.hba, address.endpoint(5432)) == ("2001:db8::1/128", "[2001:db8::1]:5432")
    assert address.url(2379) == "https://[2001:db8::1]:2379"


def test_one_spelling_for_one_address() -> None:
    assert Address("FD82:0:0::0011") == Address("fd82::11")
    assert len({Address("fd82::11"), Address("fd82:0::11")}) == 1


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "db1.example.net", "10.0.0.0/24", "10.0.0.01"])
def test_is_nothing_but_an_address(text: str) -> None:
    with pytest.raises(ValueError):
        Address(text)


@given(st.ip_addresses())
def test_the_text_stands_for_the_same_address(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert Address(str(ip)).ip == ip
    assert ipaddress.ip_network(Address(str(ip)).hba).num_addresses == 1


def test_those_within_a_network_in_the_order_observed() -> None:
    observed = ["10.0.2.15", "192.0.2.7", "172.17.0.1", "2001:db8::7", "192.0.2.5"]
    assert addresses_within("192.0.2.0/24", observed) == [Address("192.0.2.7"), Address("192.0.2.5")]
    assert addresses_within("2001:db8::/32", observed) == [Address("2001:db8::7")]
    assert addresses_within("198.51.100.0/24", observed) == []
