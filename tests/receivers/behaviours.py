"""What receivers do: functions for tests.receivers.server.Receiver, by what a sender meets."""

import itertools
from collections.abc import Iterable

from tests.receivers.server import Behaviour, Peer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    """A well-formed answer of which the sender may keep the connection."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def answers(*responses: bytes) -> Behaviour:
    """Answers request after request on a connection: these in turn, the last one again and again."""

    def behave(peer: Peer) -> None:
        for response in itertools.chain(responses, itertools.repeat(responses[-1])):
            if peer.read_request() is None:
                return
            peer.send(response)

    return behave


def answers_once(response: bytes) -> Behaviour:
    """Sends the bytes after a request, whatever they are, and closes."""

    def behave(peer: Peer) -> None:
        if peer.read_request():
            peer.send(response)

    return behave


def answers_each_connection(responses: Iterable[bytes]) -> Behaviour:
    """Sends the next of the responses on each connection, and closes."""
    source = iter(responses)

    def behave(peer: Peer) -> None:
        if peer.read_request():
            peer.send(next(source))

    return behave


def never_answers(peer: Peer) -> None:
    """Takes the request and keeps the connection open."""
    if peer.read_request():
        peer.wait_until_closed()


def drips(prompt: bytes, dripped: bytes, every: float = 0.2) -> Behaviour:
    """Sends the first part at once, then a byte every so many seconds."""

    def behave(peer: Peer) -> None:
        if peer.read_request():
            peer.send(prompt)
            peer.drip(dripped, every)

    return behave


def drips_before_reading(data: bytes, every: float = 0.2) -> Behaviour:
    """Drips without reading more than the first bytes: in the middle of a TLS handshake, for one."""

    def behave(peer: Peer) -> None:
        peer.read_some()
        peer.drip(data, every)

    return behave


def repeats(prompt: bytes, repeated: bytes, times: int = 2**62) -> Behaviour:
    """Sends the first part, then the other one over and over."""

    def behave(peer: Peer) -> None:
        if peer.read_request():
            peer.send(prompt)
            for _ in range(times):
                peer.send(repeated)

    return behave


def resets(prompt: bytes = b"") -> Behaviour:
    """Sends this much of an answer and resets the connection."""

    def behave(peer: Peer) -> None:
        if peer.read_request():
            if prompt:
                peer.send(prompt)
                peer.pause(0.1)  # a reset overtakes what has not been read
            peer.reset()

    return behave


def closes_at_once(peer: Peer) -> None:
    """Closes the connection after the request, without a word."""
    peer.read_request()
