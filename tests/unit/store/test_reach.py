"""Which addresses are public: each row of the special-purpose registries, and its neighbours."""

from __future__ import annotations

import ipaddress

import pytest

from stackyard.store.reach import SPECIAL_PURPOSE, is_public

NETWORKS = [network for network, _ in SPECIAL_PURPOSE]


@pytest.mark.parametrize("network", NETWORKS)
def test_is_public_of_each_special_purpose_network_is_false_at_both_ends(network: str) -> None:
    addresses = ipaddress.ip_network(network)
    middle = addresses[addresses.num_addresses // 2]
    for address in (addresses[0], addresses[1], middle, addresses[-1]):
        assert not is_public(str(address)), address


@pytest.mark.parametrize("network", [name for name in NETWORKS if ":" not in name])
def test_is_public_of_each_special_ipv4_network_is_false_inside_of_ipv6_too(network: str) -> None:
    address = int(ipaddress.ip_network(network)[1])
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::"):
        inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | address)
        assert not is_public(str(inside)), inside
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (address << 80))))


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b:1::808:808",
        "::808:808",
        "::ffff:8.8.8.8",
        "::ffff:0:808:808",
        "2002:808:808::1",
        "2001:0:808:808::1",
        "192.88.99.1",
        "fec0::1",
        "4000::1",
        "e000::1",
        "fe80::1%eth0",
    ],
)
def test_is_public_of_another_spelling_of_an_address_is_false(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.88.98.255",
        "192.88.100.0",
        "223.255.255.255",
        "64:ff9b::808:808",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00:1450::1",
        "3ffe::1",
    ],
)
def test_is_public_of_what_lies_beside_them_is_true(address: str) -> None:
    assert is_public(address)
