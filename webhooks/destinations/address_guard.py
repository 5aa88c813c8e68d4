"""Which addresses a request may go to: the one place that decides (security.md S9, S10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# `ipaddress.is_global` is no help: on Python 3.11 it is True for NAT64, 6to4, ::127.0.0.1 and multicast.
# The first network that holds an address names it, so the narrow ones come first.
_DENIED: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ip_network(network), meaning)
    for network, meaning in (
        ("0.0.0.0/8", "an address of this network"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address shared by a carrier's customers"),
        ("127.0.0.0/8", "a loopback address"),
        ("168.63.129.16/32", "the address of a cloud's platform services"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "an address reserved for protocols"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a 6to4 relay address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "the unspecified address"),
        ("::1/128", "a loopback address"),
        ("::/96", "an address that embeds IPv4"),
        ("64:ff9b::/96", "a NAT64 address"),
        ("64:ff9b:1::/48", "a NAT64 address"),
        ("100::/64", "an address that discards"),
        ("2001::/23", "an address reserved for protocols"),
        ("2001:db8::/32", "an address for documentation"),
        ("2002::/16", "a 6to4 address"),
        ("3fff::/20", "an address for documentation"),
        ("5f00::/16", "a segment routing address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    )
)
# All that is assigned for hosts of the IPv6 internet lies here (RFC 4291, IANA); the rest has no business.
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a clause without a full stop: "10.0.0.5 is a private address (10.0.0.0/8)"."""

    allowed: bool
    reason: str


def unwrap(address: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv4-mapped one (::ffff:0:0/96); any other address as it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class AddressGuard:
    """Judges addresses. `allowed` and `denied` are the operator's networks; a denied one wins."""

    def __init__(self, allowed: Sequence[IPNetwork], denied: Sequence[IPNetwork]) -> None:
        self._allowed = tuple(allowed)
        self._denied = tuple(denied)

    def judge(self, address: IPAddress) -> Verdict:
        """Whether a request may go to the address, and why."""
        address = unwrap(address)
        if network := _network_of(address, self._denied):
            return Verdict(False, f"{address} is in {network}, which this service's operator denies")
        if network := _network_of(address, self._allowed):
            return Verdict(True, f"{address} is in {network}, which this service's operator allows")
        for network, meaning in _DENIED:
            if address in network:
                return Verdict(False, f"{address} is {meaning} ({network})")
        if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST_V6:
            return Verdict(False, f"{address} is not a global unicast address ({_GLOBAL_UNICAST_V6})")
        return Verdict(True, f"{address} is a public address")

    def in_allowed_networks(self, address: IPAddress) -> bool:
        """Whether the operator's networks let the address through: `http` reaches no others (S1)."""
        address = unwrap(address)
        return not _network_of(address, self._denied) and bool(_network_of(address, self._allowed))


def _network_of(address: IPAddress, networks: Sequence[IPNetwork]) -> IPNetwork | None:
    return next((network for network in networks if address in network), None)
