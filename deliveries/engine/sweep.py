"""The sweep: what no drain is looking after. Runs twice a second; finding nothing costs three look-ups in indexes."""

import datetime as dt
import logging
import time
from functools import partial

from django.db.models import Q

from deliveries.engine.drain import retrying
from deliveries.engine.recording import record
from deliveries.engine.results import lost_worker
from deliveries.engine.statements import Statements, statements
from deliveries.models import Lane
from events.models import Event
from switera_webhooks.database import database_now

logger = logging.getLogger(__name__)
EXPIRED_AT_ONCE = 500
# Slots leak only where a leased row goes away other than by being recorded: rarely, so looked for rarely.
RECOUNT_EVERY_SECONDS = 60.0

_recounted_at = 0.0


def sweep() -> int:
    """Give back leases that ran out, and cancel what waits on deleted endpoints; the number of leases."""
    hot = statements()
    given_back = 0
    # First of all: a connection that was lost is noticed here, for Celery keeps it as it is.
    while expired := retrying(partial(hot.expired, EXPIRED_AT_ONCE)):
        lanes = retrying(partial(record, [lost_worker(delivery) for delivery in expired]))
        finished = sum(lane.finished for lane in lanes)
        given_back += finished
        if not finished:  # somebody else recorded them meanwhile
            break
    if given_back:
        logger.warning("%d deliveries had lost their worker and are tried again", given_back)
    retrying(hot.cancel_closed)
    _recount_now_and_then(hot)
    return given_back


def _recount_now_and_then(hot: Statements) -> None:
    global _recounted_at
    now = time.monotonic()
    if now - _recounted_at >= RECOUNT_EVERY_SECONDS:
        _recounted_at = now
        if wrong := retrying(hot.recount):
            logger.warning("The slots of %d endpoints had leaked and are given back", wrong)


def work_is_due() -> bool:
    """Whether a drain would find something: an undispatched event, or a lane that is due."""
    waiting = retrying(statements().waiting)
    return waiting.events or waiting.lanes


def work_waits(seconds: float) -> bool:
    """Whether something has been due for so long: no drain has time for it."""
    since = database_now() - dt.timedelta(seconds=seconds)
    return (
        Lane.objects.filter(Q(first_wake_at__lte=since) | Q(retry_wake_at__lte=since)).exists()
        or Event.objects.filter(dispatched_at=None, created_at__lte=since).exists()
    )
