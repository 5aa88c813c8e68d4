"""How fast a process goes, and how much of its time retries get."""

import time
from collections.abc import Sequence

from deliveries.engine.lane_rules import retry_share
from deliveries.engine.statements import Claimed

# While so many first attempts a second keep coming, retries leave them half of the time: a storm of retries would fill
# the processors, and first attempts wait for those as everybody does …
STREAM_OF_FIRST = 5.0
# … and so few retries go at once that an event which comes meanwhile does not wait for long.
RETRIES_AT_ONCE = 32


class Pace:
    """How many a second, over the last one to two seconds."""

    def __init__(self) -> None:
        self._from = time.monotonic()
        self._number = self._before = 0

    def add(self, number: int) -> None:
        self._turn()
        self._number += number

    def a_second(self) -> float:
        self._turn()
        return (self._number + self._before) / (1.0 + time.monotonic() - self._from)

    def _turn(self) -> None:
        passed = time.monotonic() - self._from
        if passed >= 1.0:
            self._before = self._number if passed < 2.0 else 0
            self._number = 0
            self._from = time.monotonic()


class RetryPace:
    """When lanes that have nothing but retries are looked at, and how many of them."""

    def __init__(self) -> None:
        self._first = Pace()
        self._rests_until = 0.0
        self._retried = False  # the last claim held retries
        self.left_out = False  # the last look gave them no place

    def lanes(self, limit: int) -> int:
        """For a claim of `limit`: a quarter of it, fewer in a stream of first attempts, none while retries rest."""
        self.left_out = time.monotonic() < self._rests_until
        if self.left_out:
            return 0
        share = retry_share(limit)
        return share if self._first.a_second() < STREAM_OF_FIRST else min(share, RETRIES_AT_ONCE)

    def rest(self) -> float:
        """Seconds until retries go on."""
        return max(0.0, self._rests_until - time.monotonic())

    def claimed(self, claims: Sequence[Claimed]) -> None:
        first = sum(not claim.attempt_count for claim in claims)
        self._first.add(first)
        self._retried = first < len(claims)

    def took(self, seconds: float) -> None:
        """A round of claiming, sending and recording took so long: if there were retries in it, they rest as long."""
        if self._retried and self._first.a_second() >= STREAM_OF_FIRST:
            self._rests_until = time.monotonic() + seconds
        self._retried = False
