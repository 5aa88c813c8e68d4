"""Attempts whose name is being looked up, for a thread that must not wait for any of them (security.md S15)."""

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from deliveries.transport.outcomes import Record
from deliveries.transport.sender import LOOKUP_SHARE


class Pending(Protocol):
    """A look-up under way."""

    def when_known(self, tell: Callable[[], None]) -> None: ...

    def timed_out(self, seconds: float) -> Exception: ...


class LookupsUnderWay:
    """Used by one thread; `wake` is called by others when there is an answer."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[Record, Pending, Callable[[], None]]] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._answered: deque[int] = deque()

    def add(self, record: Record, pending: Pending, go_on: Callable[[], None]) -> None:
        """Wait for the answer; `go_on` is what to do with it."""
        number = next(self._numbers)
        self._waiting[number] = record, pending, go_on
        heapq.heappush(self._deadlines, (record.started + record.request.timeout * LOOKUP_SHARE, number))
        pending.when_known(partial(self._tell, number))

    def seconds_left(self) -> float:
        """Until the next deadline; for ever without one."""
        return max(0.0, self._deadlines[0][0] - time.monotonic()) if self._deadlines else float("inf")

    def answered(self) -> Iterator[tuple[Record, Callable[[], None]]]:
        """Those whose answer has come, and what to do with it; each is told once."""
        while self._answered:
            found = self._waiting.pop(self._answered.popleft(), None)
            if found:
                record, _, go_on = found
                yield record, go_on

    def timed_out(self) -> Iterator[tuple[Record, Exception]]:
        """Those whose time is up; each is told once."""
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            found = self._waiting.pop(heapq.heappop(self._deadlines)[1], None)
            if found:
                record, pending, _ = found
                yield record, pending.timed_out(record.request.timeout * LOOKUP_SHARE)

    def _tell(self, number: int) -> None:
        self._answered.append(number)
        self._wake()
