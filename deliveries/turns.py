"""A worker's turn at what is not delivering: short, for a worker with one process drains nothing meanwhile."""

import time
from collections.abc import Callable

from deliveries.engine.sweep import work_waits

# As long as a drain's at most. Where something due has waited for so long already, no other process has time for it,
# and the turn ends.
TURN_SECONDS = 5.0
WAITED_SECONDS = 0.3


def turn_ends() -> Callable[[], bool]:
    """Whether the turn that begins now should end, to be asked between two pieces of work."""
    started = time.monotonic()

    def ends() -> bool:
        past = time.monotonic() - started
        return past >= TURN_SECONDS or (past >= WAITED_SECONDS and work_waits(WAITED_SECONDS))

    return ends
