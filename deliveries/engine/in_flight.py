"""What a process has on the wire, so that endpoints which hang never hold more than a share of it."""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence

from deliveries.engine.statements import Claimed

# An endpoint may hold so much of a process' slots …
SHARE_OF_ONE = 1 / 4
# … and those together that have kept a request waiting for so long, so much.
SLOW_SECONDS = 1.0
SHARE_OF_SLOW = 1 / 2
# To look through all requests takes 0.1 ms.
LOOK_EVERY_SECONDS = 0.1


class InFlight:
    """Deliveries that were handed to the sender and whose outcome has not come back."""

    def __init__(self) -> None:
        self._started: dict[uuid.UUID, tuple[uuid.UUID, float]] = {}
        self._passed_over: Sequence[uuid.UUID] = ()
        self._looked_at = 0.0

    def add(self, claimed: Iterable[Claimed]) -> None:
        now = time.monotonic()
        for claim in claimed:
            self._started[claim.delivery_id] = claim.endpoint_id, now

    def remove(self, claimed: Iterable[Claimed]) -> None:
        for claim in claimed:
            self._started.pop(claim.delivery_id, None)

    def passed_over(self, slots: int) -> Sequence[uuid.UUID]:
        """Endpoints that hold their share of so many slots already: a claim is to leave them alone."""
        now = time.monotonic()
        if len(self._started) < slots * SHARE_OF_ONE:
            return ()
        if now - self._looked_at >= LOOK_EVERY_SECONDS:
            self._looked_at = now
            held = Counter(endpoint for endpoint, _ in self._started.values())
            slow = {endpoint for endpoint, started in self._started.values() if now - started >= SLOW_SECONDS}
            full = {endpoint for endpoint, number in held.items() if number >= slots * SHARE_OF_ONE}
            if sum(held[endpoint] for endpoint in slow) >= slots * SHARE_OF_SLOW:
                full |= slow
            self._passed_over = tuple(full)
        return self._passed_over
