"""Celery's tasks: the alarm clock rings, the engine looks at its rows. No argument, no result."""

import atexit
import gc
import logging
from functools import partial

from celery import shared_task
from celery.signals import worker_process_shutdown, worker_shutdown

from deliveries.app_deletion import deletions_wait, work_on_deletions
from deliveries.engine.drain import LINGER, Engine, retrying
from deliveries.engine.sweep import sweep as sweep_once
from deliveries.engine.sweep import work_is_due
from deliveries.replay_batches import replays_wait, work_on_replays
from deliveries.retention import prune_in_turn
from deliveries.tally import count_traffic
from deliveries.worker_turn import begin_turn
from switera_webhooks.celery import DELETE_TASK, DRAIN_TASK, PRUNE_TASK, REPLAY_TASK, SWEEP_TASK, TALLY_TASK
from switera_webhooks.nudge import nudge

logger = logging.getLogger(__name__)

# A drain hands back after so many seconds, so that deploys and other tasks get their turn.
DRAIN_SECONDS = 5.0
# Allocations between two looks for garbage; the hot path makes no cycles.
GC_ALLOCATIONS = 50_000

# A prune that goes on is asked for again; the message may wait so long behind drains.
PRUNE_EXPIRES_SECONDS = 3600

# A replay's message may wait so long behind drains; the sweep sends another before.
REPLAY_EXPIRES_SECONDS = 60
# The same of an app's deletion.
DELETE_EXPIRES_SECONDS = 60

_engine: Engine | None = None


def process_engine() -> Engine:
    """This process' engine, made after the fork."""
    global _engine
    if _engine is None:
        # What was loaded so far lives as long as the process: to look through it again and again for garbage took
        # 4 % of a drain's time.
        gc.freeze()
        atexit.register(gc.unfreeze)  # at the end all is looked through once, or SQLite's connections stay open
        gc.set_threshold(GC_ALLOCATIONS)
        _engine = Engine()
    return _engine


@shared_task(name=DRAIN_TASK)
def drain() -> None:
    """Deliver what is due."""
    if process_engine().drain(DRAIN_SECONDS, linger=LINGER).more:
        nudge()


@shared_task(name=SWEEP_TASK)
def sweep() -> None:
    """Find what was lost on the way, and wake a drain where something is due."""
    sweep_once()
    if work_is_due():
        nudge()
    if retrying(replays_wait):
        replay.apply_async(expires=REPLAY_EXPIRES_SECONDS)
    if retrying(deletions_wait):
        delete_apps.apply_async(expires=DELETE_EXPIRES_SECONDS)


@shared_task(name=REPLAY_TASK)
def replay() -> None:
    """Do some of what replays have left, and go on behind the drains that wait their turn."""
    if work_on_replays(begin_turn()):
        replay.apply_async(expires=REPLAY_EXPIRES_SECONDS)


@shared_task(name=PRUNE_TASK)
def prune() -> None:
    """Delete some of what is past retention, and go on behind the drains that wait their turn."""
    pruned = prune_in_turn()
    if pruned.rows:
        logger.info("Past retention: deleted %s", pruned)
    if pruned.more:
        prune.apply_async(expires=PRUNE_EXPIRES_SECONDS)


@shared_task(name=DELETE_TASK)
def delete_apps() -> None:
    """Delete some of what apps that were deleted have left, and go on behind the drains that wait their turn."""
    if work_on_deletions(begin_turn()):
        delete_apps.apply_async(expires=DELETE_EXPIRES_SECONDS)


@shared_task(name=TALLY_TASK)
def tally() -> None:
    """Count what has come since the last time, or a turn's worth of it: the next one is soon."""
    # A connection that was lost is noticed here too, and a piece that was not written is counted again.
    retrying(partial(count_traffic, begin_turn()))


def _finish_in_flight(**_: object) -> None:
    if _engine is not None:
        _engine.close()


# Of a prefork child, and of a worker whose tasks run in its own process.
worker_process_shutdown.connect(_finish_in_flight, dispatch_uid="deliveries.finish_in_flight")
worker_shutdown.connect(_finish_in_flight, dispatch_uid="deliveries.finish_in_flight")
