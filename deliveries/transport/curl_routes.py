"""Where libcurl connects: to judged addresses, under names that keep apps and answers apart (S12, S16).

libcurl looks names up itself, remembers what it found, and uses a kept connection for whoever asks for the same
name. So it is told to connect to a name of our making, one for each app and set of addresses, whose addresses
come with every transfer. Host, SNI and the certificate stay with the URL's own name. Nothing else than the
addresses just judged can be found under it, and a connection is found by its own app alone, as long as the
receiver's name leads where it led.
"""

import hashlib
import socket
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from webhooks.destinations.address_guard import IPAddress
from webhooks.destinations.judge import JudgedDestination

_REMEMBERED = 16_384


class Route(NamedTuple):
    """`resolve`, `connect_to` and `proxy` are libcurl's options; `peers` are the addresses that it connects to."""

    resolve: list[str]
    connect_to: list[str]
    proxy: str
    peers: frozenset[str]


@lru_cache(_REMEMBERED)
def direct_route(app_id: UUID, destination: JudgedDestination) -> Route:
    """The way of an app's requests to the destination's addresses, in their order."""
    name, resolve, peers = _named(app_id, destination.addresses, destination.url.port)
    return Route([resolve], [f"::{name}:{destination.url.port}"], "", peers)


@lru_cache(_REMEMBERED)
def routes_through(
    proxy_addresses: tuple[IPAddress, ...], proxy_port: int, app_id: UUID, destination: JudgedDestination
) -> tuple[Route, ...]:
    """A way through the proxy for each of the destination's addresses: the proxy is asked for one at a time.

    Here it is the proxy that has a name for each app.
    """
    name, resolve, peers = _named(app_id, proxy_addresses, proxy_port)
    port = destination.url.port
    return tuple(
        Route(
            [resolve],
            [f"::[{address}]:{port}" if address.version == 6 else f"::{address}:{port}"],
            f"http://{name}:{proxy_port}",
            peers,
        )
        for address in destination.addresses
    )


def _named(app_id: UUID, addresses: tuple[IPAddress, ...], port: int) -> tuple[str, str, frozenset[str]]:
    """A name for an app's way to these addresses, what libcurl is told of it, and the addresses as it spells them."""
    texts = [_spelled(address) for address in addresses]
    digest = hashlib.blake2b(",".join(texts).encode(), digest_size=16).hexdigest()
    # .invalid: where the addresses did not come along, nothing is found (RFC 6761).
    name = f"{app_id.hex}.{digest}.invalid"
    # The plus lets libcurl forget them after a while.
    return name, f"+{name}:{port}:{','.join(texts)}", frozenset(texts)


def _spelled(address: IPAddress) -> str:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return socket.inet_ntop(family, address.packed)
