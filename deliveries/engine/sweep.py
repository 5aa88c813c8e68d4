"""The sweep: what no drain is looking after. Runs twice a second; finding nothing costs three look-ups in indexes."""

import logging
import time
from functools import partial

from deliveries.engine.drain import retrying
from deliveries.engine.results import lost_worker
from deliveries.engine.statements import Statements, statements

logger = logging.getLogger(__name__)
EXPIRED_AT_ONCE = 500
# Slots leak only where a leased row goes away other than by being recorded: rarely, so looked for rarely.
RECOUNT_EVERY_SECONDS = 60.0

_recounted_at = 0.0


def sweep() -> int:
    """Give back leases that ran out, and cancel what waits on deleted endpoints; the number of leases."""
    hot = statements()
    given_back = 0
    while expired := hot.expired(EXPIRED_AT_ONCE):
        lanes = retrying(partial(hot.finish, [lost_worker(delivery) for delivery in expired]))
        finished = sum(lane.finished for lane in lanes)
        given_back += finished
        if not finished:  # somebody else recorded them meanwhile
            break
    if given_back:
        logger.warning("%d deliveries had lost their worker and are tried again", given_back)
    hot.cancel_closed()
    _recount_now_and_then(hot)
    return given_back


def _recount_now_and_then(hot: Statements) -> None:
    global _recounted_at
    now = time.monotonic()
    if now - _recounted_at >= RECOUNT_EVERY_SECONDS:
        _recounted_at = now
        if wrong := hot.recount():
            logger.warning("The slots of %d endpoints had leaked and are given back", wrong)


def work_is_due() -> bool:
    """Whether a drain would find something: an undispatched event, or a lane that is due."""
    waiting = statements().waiting()
    return waiting.events or waiting.lanes
