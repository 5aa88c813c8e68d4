"""Connections that go to judged addresses and nowhere else (security.md S12)."""

import http.client
import logging
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, NamedTuple
from uuid import UUID

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection

from deliveries.transport.egress_proxy import EgressProxy
from deliveries.transport.heads import MAX_LINE, InvalidResponse, status_line
from deliveries.transport.responses import StrictResponse
from deliveries.transport.wall_clock import AttemptClock
from webhooks.destinations.address_guard import IPAddress

# An address that answers nothing gets its share of the time left, and this much at least.
LEAST_CONNECT_SECONDS = 2.0

# Its warnings repeat URLs, which may hold a receiver's token (S31), and what they say is in the outcome.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class Origin(NamedTuple):
    """What requests must have in common to share connections."""

    app_id: UUID
    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class CurrentAttempt:
    """What urllib3's part needs to know of the attempt that its thread is making."""

    origin: Origin
    target: str
    addresses: tuple[IPAddress, ...]
    clock: AttemptClock
    proxy: EgressProxy | None
    proxy_addresses: tuple[IPAddress, ...]


class ProxyRefused(Exception):
    """The egress proxy made no connection; `status` is what it answered, None for nothing that can be read."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


current_attempt: ContextVar[CurrentAttempt] = ContextVar("current_attempt")


class HttpToJudged(HTTPConnection):
    """Dials the addresses of the current attempt, in order, instead of looking the name up."""

    response_class = StrictResponse
    peer: IPAddress
    _head: bytes | None = None

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        """Hold the head back: sent with the body it is one packet, and some 15 % more requests a second."""
        self._head = b""
        super().endheaders(message_body, encode_chunked=encode_chunked)

    def send(self, data: Any) -> None:
        if self._head is None:
            super().send(data)
        elif not self._head:
            self._head = data
        else:
            head, self._head = self._head, None
            super().send(head + data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        if self._head is not None:  # there was no body
            self.send(b"")
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        attempt = current_attempt.get()
        if attempt.proxy is None:
            return self._dial_one_of(attempt.addresses, self.port, attempt.clock)
        for position, address in enumerate(attempt.addresses, start=1):
            try:
                return self._through(attempt.proxy, address, attempt)
            except ProxyRefused as refused:
                if refused.status is None or position == len(attempt.addresses):
                    raise
        raise AssertionError("a judged destination has an address")

    def _through(self, proxy: EgressProxy, address: IPAddress, attempt: CurrentAttempt) -> socket.socket:
        """A connection to the address through the proxy (RFC 9110, section 9.3.6)."""
        try:
            connection = self._dial_one_of(attempt.proxy_addresses, proxy.port, attempt.clock)
        except OSError as error:
            attempt.clock.remaining()
            raise ProxyRefused(None) from error
        try:
            connection.sendall(proxy.request(address, self.port))
            answer = b""
            while b"\r\n\r\n" not in answer and len(answer) < MAX_LINE:
                part = connection.recv(4_096)
                if not part:
                    attempt.clock.remaining()
                    raise ProxyRefused(None)
                answer += part
            try:
                status = status_line(answer.partition(b"\n")[0] + b"\n").status
            except InvalidResponse:
                raise ProxyRefused(None) from None
            if status != http.client.OK:
                raise ProxyRefused(status)
        except BaseException:
            connection.close()
            raise
        self.peer = address
        return connection

    def _dial_one_of(self, addresses: tuple[IPAddress, ...], port: int, clock: AttemptClock) -> socket.socket:
        last = len(addresses) - 1
        for position, address in enumerate(addresses):
            try:
                connection = self._dial(address, port, clock, left=last - position)
            except OSError:
                if position == last:
                    raise
            else:
                self.peer = address
                return connection
        raise AssertionError("there is an address to dial")

    def _dial(self, address: IPAddress, port: int, clock: AttemptClock, *, left: int) -> socket.socket:
        seconds = clock.remaining()
        if left:
            seconds = min(seconds, max(seconds / (left + 1), LEAST_CONNECT_SECONDS))
        family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(seconds)
            connection.connect((str(address), port))
            clock.watch(connection)
            connection.settimeout(self.timeout)
        except BaseException:
            connection.close()
            raise
        return connection


class HttpsToJudged(HttpToJudged, HTTPSConnection):
    """The same with TLS around it."""
