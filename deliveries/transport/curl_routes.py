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

_REMEMBERED = 8_192


class Route(NamedTuple):
    """`resolve` and `connect_to` are libcurl's options; `peers` are the addresses as it spells them."""

    resolve: list[str]
    connect_to: list[str]
    peers: frozenset[str]


@lru_cache(_REMEMBERED)
def route(app_id: UUID, destination: JudgedDestination) -> Route:
    """The way of an app's requests to the destination's addresses, in their order."""
    port = destination.url.port
    texts = [_spelled(address) for address in destination.addresses]
    digest = hashlib.blake2b(",".join(texts).encode(), digest_size=16).hexdigest()
    # .invalid: where the addresses did not come along, nothing is found (RFC 6761).
    name = f"{app_id.hex}.{digest}.invalid"
    # The plus lets libcurl forget them after a while.
    return Route([f"+{name}:{port}:{','.join(texts)}"], [f"::{name}:{port}"], frozenset(texts))


def _spelled(address: IPAddress) -> str:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return socket.inet_ntop(family, address.packed)
