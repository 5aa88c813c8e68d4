"""Emitting a built-in event for something that has happened in this transaction."""

import datetime as dt
import logging
import uuid
from collections.abc import Sequence

from events.emit import EmitRequest, emit, emit_batch
from events.models import Event
from switera_webhooks.refusals import Refusal
from webhooks.models import App

logger = logging.getLogger(__name__)


def emit_built_in(
    app: App,
    type: str,
    data: dict[str, object],
    *,
    environment: str,
    organization_id: uuid.UUID | None = None,
    timestamp: dt.datetime | None = None,
    idempotency_key: str | None = None,
) -> Event | None:
    """The event, committed with what caused it. None where it is refused, which is logged: what happened stands.

    A refusal means that the catalog's rows are older than the code: `manage.py sync_event_catalog` was forgotten. None
    too where the app is being deleted, silently.
    """
    if app.deleting_since is not None:
        return None
    try:
        return emit(
            app,
            type,
            data,
            environment=environment,
            organization_id=organization_id,
            timestamp=timestamp,
            idempotency_key=idempotency_key,
        )
    except Refusal as refusal:
        # Neither the payload nor an address (S31).
        logger.error("%s of %s was not emitted (%s): %s", type, app.public_id, refusal.code, refusal.message)
        return None


def emit_all_built_in(app: App, requests: Sequence[EmitRequest], *, environment: str) -> list[Event]:
    """The same for up to 1,000 at once, all or none."""
    if app.deleting_since is not None:
        return []
    try:
        return emit_batch(app, environment, requests)
    except Refusal as refusal:
        types = ", ".join(sorted({request.type for request in requests}))
        logger.error(
            "%d of %s of %s were not emitted (%s): %s",
            len(requests),
            types,
            app.public_id,
            refusal.code,
            refusal.message,
        )
        return []
