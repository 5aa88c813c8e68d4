"""Connections kept alive for the next request of the same app, and of no other (security.md S16)."""

import ssl
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from urllib3.util.connection import is_connection_dropped

from deliveries.transport.connections import HttpToJudged, Origin
from deliveries.transport.sender import IDLE_SECONDS
from webhooks.destinations.address_guard import IPAddress


@dataclass(frozen=True, slots=True)
class _Kept:
    origin: Origin
    connection: HttpToJudged
    since: float


class KeptConnections:
    """Idle connections, the latest used first; `most` of all origins together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._by_age: OrderedDict[int, _Kept] = OrderedDict()
        self._of_origin: dict[Origin, list[int]] = {}
        self._next = 0
        self._closed = False

    def take(self, origin: Origin, addresses: tuple[IPAddress, ...]) -> HttpToJudged | None:
        """A connection of this origin to one of these addresses that the receiver has not closed."""
        while True:
            with self._lock:
                numbers = self._of_origin.get(origin)
                if not numbers:
                    return None
                kept = self._by_age[numbers[-1]]
                self._forget(numbers[-1], kept)
            connection = kept.connection
            # A name that moved, or turned private, has another address than the one connected to (S12).
            if connection.peer in addresses and not (is_connection_dropped(connection) or _has_more(connection)):
                return connection
            connection.close()

    def keep(self, origin: Origin, connection: HttpToJudged) -> None:
        oldest: _Kept | None = None
        with self._lock:
            if not self._closed:
                self._next += 1
                self._by_age[self._next] = _Kept(origin, connection, time.monotonic())
                self._of_origin.setdefault(origin, []).append(self._next)
                if len(self._by_age) <= self._most:
                    return
                number, oldest = next(iter(self._by_age.items()))
                self._forget(number, oldest)
        (oldest.connection if oldest else connection).close()

    def close_stale(self) -> bool:
        """Close those that have been idle too long; whether any are left."""
        stale_before = time.monotonic() - IDLE_SECONDS
        while True:
            with self._lock:
                if not self._by_age:
                    return False
                number, kept = next(iter(self._by_age.items()))
                if kept.since > stale_before:
                    return True
                self._forget(number, kept)
            kept.connection.close()

    def close(self) -> None:
        """Close all, now and whatever is kept later."""
        with self._lock:
            self._closed = True
            connections = [kept.connection for kept in self._by_age.values()]
            self._by_age.clear()
            self._of_origin.clear()
        for connection in connections:
            connection.close()

    def _forget(self, number: int, kept: _Kept) -> None:
        del self._by_age[number]
        numbers = self._of_origin[kept.origin]
        numbers.remove(number)
        if not numbers:
            del self._of_origin[kept.origin]


def _has_more(connection: HttpToJudged) -> bool:
    """Whether TLS has decrypted more than was read, which would pass for the answer to the next request (S20)."""
    return isinstance(connection.sock, ssl.SSLSocket) and connection.sock.pending() > 0
