"""The address guard: security.md S9 and S10."""

from ipaddress import ip_address, ip_network

import pytest

from webhooks.destinations.address_guard import AddressGuard

GUARD = AddressGuard(allowed=(), denied=())

# Network of S9, its first and last address, and a neighbour outside of every denied network (or none).
DENIED = [
    ("0.0.0.0/8", "0.0.0.0", "0.255.255.255", "1.0.0.0"),  # noqa: S104
    ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
    ("100.64.0.0/10", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
    ("127.0.0.0/8", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
    ("169.254.0.0/16", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
    ("172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
    ("192.0.0.0/24", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
    ("192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
    ("192.88.99.0/24", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
    ("192.168.0.0/16", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
    ("198.18.0.0/15", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
    ("198.51.100.0/24", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
    ("203.0.113.0/24", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
    ("224.0.0.0/4", "224.0.0.0", "239.255.255.255", "223.255.255.255"),
    ("240.0.0.0/4", "240.0.0.0", "255.255.255.254", None),
    ("255.255.255.255/32", "255.255.255.255", "255.255.255.255", None),
    ("168.63.129.16/32", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
    ("::/128", "::", "::", None),
    ("::1/128", "::1", "::1", None),
    ("::/96", "::2", "::ffff:ffff", None),
    ("fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
    ("fc00::/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
    ("fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
    ("ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
    ("100::/64", "100::", "100::ffff:ffff:ffff:ffff", None),
    ("2001::/23", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
    ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
    ("2002::/16", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
    ("3fff::/20", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
    ("5f00::/16", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
    ("64:ff9b::/96", "64:ff9b::", "64:ff9b::ffff:ffff", None),
    ("64:ff9b:1::/48", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", None),
]


@pytest.mark.parametrize(("network", "first", "last", "neighbour"), DENIED, ids=[row[0] for row in DENIED])
def test_s9_every_network_of_the_table_is_denied_up_to_its_edges(
    network: str, first: str, last: str, neighbour: str | None
) -> None:
    assert ip_address(first) in ip_network(network)
    assert ip_address(last) in ip_network(network)
    for text in (first, last):
        verdict = GUARD.judge(ip_address(text))
        assert not verdict.allowed
        assert verdict.reason.startswith(f"{text} is ")
        assert verdict.reason.endswith(f"({network})")
    if neighbour:
        assert GUARD.judge(ip_address(neighbour)).allowed


def test_s9_the_reason_is_a_clause_that_names_the_network() -> None:
    assert GUARD.judge(ip_address("10.0.0.5")).reason == "10.0.0.5 is a private address (10.0.0.0/8)"
    assert GUARD.judge(ip_address("8.8.8.8")).reason == "8.8.8.8 is a public address"


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_allowed(text: str) -> None:
    assert GUARD.judge(ip_address(text)).allowed


@pytest.mark.parametrize("text", ["1000::1", "4000::1", "8000::1", "e000::1", "::ffff:0:808:808", "100:0:0:1::"])
def test_ipv6_outside_of_global_unicast_is_denied(text: str) -> None:
    verdict = GUARD.judge(ip_address(text))
    assert not verdict.allowed
    assert verdict.reason == f"{ip_address(text)} is not a global unicast address (2000::/3)"


@pytest.mark.parametrize(
    ("mapped", "plain", "allowed"),
    [
        ("::ffff:10.0.0.5", "10.0.0.5", False),
        ("::ffff:127.0.0.1", "127.0.0.1", False),
        ("::ffff:a9fe:a9fe", "169.254.169.254", False),
        ("::ffff:1.1.1.1", "1.1.1.1", True),
    ],
)
def test_s9_ipv4_mapped_addresses_get_the_verdict_of_the_address_inside(mapped: str, plain: str, allowed: bool) -> None:
    assert GUARD.judge(ip_address(mapped)) == GUARD.judge(ip_address(plain))
    assert GUARD.judge(ip_address(mapped)).allowed is allowed


def test_s10_the_operator_allows_and_denies_networks_and_denying_wins() -> None:
    guard = AddressGuard(
        allowed=(ip_network("10.1.0.0/16"), ip_network("fd00::/8")),
        denied=(ip_network("10.1.2.0/24"), ip_network("93.184.0.0/16")),
    )

    assert guard.judge(ip_address("10.1.0.1")).allowed
    assert guard.judge(ip_address("::ffff:10.1.0.1")).allowed
    assert guard.judge(ip_address("fd00::1")).allowed
    assert not guard.judge(ip_address("10.2.0.1")).allowed
    assert guard.judge(ip_address("10.1.2.3")).reason == (
        "10.1.2.3 is in 10.1.2.0/24, which this service's operator denies"
    )
    assert not guard.judge(ip_address("::ffff:10.1.2.3")).allowed
    assert not guard.judge(ip_address("93.184.215.14")).allowed
    assert guard.judge(ip_address("1.1.1.1")).allowed


def test_s1_only_networks_that_the_operator_allowed_count_for_http() -> None:
    guard = AddressGuard(allowed=(ip_network("10.1.0.0/16"),), denied=(ip_network("10.1.2.0/24"),))

    assert guard.in_allowed_networks(ip_address("10.1.0.1"))
    assert guard.in_allowed_networks(ip_address("::ffff:10.1.0.1"))
    assert not guard.in_allowed_networks(ip_address("10.1.2.1"))
    assert not guard.in_allowed_networks(ip_address("1.1.1.1"))
