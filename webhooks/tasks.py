"""Celery's tasks of this room. No argument, no result."""

import logging

from celery import shared_task

from deliveries.engine.drain import retrying
from switera_webhooks.celery import EXPIRE_INVITATIONS_TASK
from webhooks.organizations.invitations import expire_invitations as expire_once

logger = logging.getLogger(__name__)


@shared_task(name=EXPIRE_INVITATIONS_TASK)
def expire_invitations() -> None:
    """End the invitations that have run out; more than a turn's worth is for the next turn."""
    expired = retrying(expire_once)
    if expired:
        logger.info("Invitations that ran out: %d", expired)
