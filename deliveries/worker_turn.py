"""A worker's turn of what is done beside deliveries (pruning, replays): short, and shorter where deliveries wait."""

import time
from collections.abc import Callable

from deliveries.engine.sweep import work_waits

# As long as a drain's at most, for a worker with one process drains nothing meanwhile. Where something due has waited
# for so long already, no other process has time for it, and the turn ends.
TURN_SECONDS = 5.0
WAITED_SECONDS = 0.3


def begin_turn() -> Callable[[], bool]:
    """Whether the turn that begins now is over, to be asked after each batch."""
    started = time.monotonic()

    def is_over() -> bool:
        past = time.monotonic() - started
        return past >= TURN_SECONDS or (past >= WAITED_SECONDS and work_waits(WAITED_SECONDS))

    return is_over
