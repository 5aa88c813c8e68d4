"""Celery's tasks of this room. No argument, no result."""

import logging
from functools import partial

from celery import shared_task

from deliveries.engine.drain import retrying
from deliveries.worker_turn import begin_turn
from switera_webhooks.celery import EXPIRE_INVITATIONS_TASK
from webhooks.organizations.invitations import expire_invitations as expire_some

logger = logging.getLogger(__name__)

# One that goes on may wait so long behind drains; the schedule sends another by then.
EXPIRE_INVITATIONS_EXPIRES_SECONDS = 60


@shared_task(name=EXPIRE_INVITATIONS_TASK)
def expire_invitations() -> None:
    """End the invitations that have run out, or a turn's worth of them, and go on behind the drains that wait."""
    expired = retrying(partial(expire_some, begin_turn()))
    if expired.invitations:
        logger.info("Invitations that ran out: %d", expired.invitations)
    if expired.more:
        expire_invitations.apply_async(expires=EXPIRE_INVITATIONS_EXPIRES_SECONDS)
