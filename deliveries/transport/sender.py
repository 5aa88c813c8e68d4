"""What the engine and its senders agree on: requests in, outcomes out, hundreds of them in flight.

A sender owns the whole attempt: it judges the destination again, keeps the wall clock, caps what it reads,
and turns whatever a receiver does into an Outcome. No receiver makes it raise, and it never tries twice.
"""

from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from deliveries.error_codes import ErrorCode

MAX_RESPONSE_BODY = 16_384  # bytes read and stored (S18)
# Of the wall clock: a look-up that hangs is told from a receiver that hangs (S15).
LOOKUP_SHARE = 0.5
# Receivers close idle connections after 5 s (Node, Apache) and more; a request sent while they do is lost.
IDLE_SECONDS = 4.0

Headers = tuple[tuple[str, str], ...]


class OutboundRequest(NamedTuple):
    """One POST. `token` comes back with the outcome; `timeout` is seconds of wall clock for all of it (S17).

    `headers` and `constant_headers` are all that the receiver gets but `Host`, `Content-Length` and
    `Accept-Encoding`, which are the sender's. The constant ones are the same at every request of an endpoint, so that
    a sender may remember what it makes of them. Connections are kept for requests of the same `app_id`, never for
    others (S16).
    """

    token: object
    app_id: UUID
    url: str
    headers: Headers
    body: bytes
    timeout: float
    constant_headers: Headers = ()


class Outcome(NamedTuple):
    """What came of a request: an attempt, as it is to be recorded.

    `started_at` is UTC. `status` and `headers` are there as soon as the receiver sent them, also when the
    attempt failed later. `body` is text that any database takes, of at most MAX_RESPONSE_BODY bytes as
    received; `truncated` says that there was, or may have been, more. `error_code` is None for a success,
    else `error` is one sentence.
    """

    token: object
    started_at: datetime
    duration_ms: int
    status: int | None
    headers: Headers
    body: str
    truncated: bool
    error_code: ErrorCode | None
    error: str


class Sender(Protocol):
    """Sends many requests at once. For one thread: whoever starts requests collects the outcomes."""

    def room(self) -> int:
        """How many more requests may be started now."""
        ...

    def start(self, request: OutboundRequest) -> None:
        """Begin a request and return at once. Raises RuntimeError without room or after close()."""
        ...

    def finished(self, wait: float, at_least: int = 1) -> list[Outcome]:
        """All outcomes there are, as soon as there are `at_least`, or after `wait` seconds, be it none.

        Returns at once when nothing is in flight; asks for no more than what is in flight.
        """
        ...

    def in_flight(self) -> int:
        """Requests started whose outcome finished() has not handed over yet."""
        ...

    def close(self) -> None:
        """Cut what is in flight, close every connection. Outcomes not collected are lost: drain before."""
        ...
