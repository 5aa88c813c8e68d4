"""The text that every endpoint gets, made once when the event is emitted (product.md section 4)."""

import datetime as dt
import json
import uuid
from dataclasses import dataclass

from django.conf import settings

from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.refusals import InvalidInput, TooLarge
from switera_webhooks.times import iso
from webhooks.models import App


@dataclass(frozen=True)
class Envelope:
    """What stands around an event's data."""

    id: uuid.UUID
    type: str
    occurred_at: dt.datetime
    app: App
    environment: str
    organization_id: uuid.UUID | None
    test: bool = False


def build_payload(envelope: Envelope, data: object) -> str:
    """Minified JSON, keys in the contract's order. Raises InvalidInput where `data` is not JSON, TooLarge (S28).

    Text is kept as it is; where it holds half a surrogate pair, which UTF-8 cannot carry, all is escaped.
    """
    organization_id = envelope.organization_id
    body = {
        "id": to_public_id(Prefix.EVENT, envelope.id),
        "type": envelope.type,
        "timestamp": iso(envelope.occurred_at),
        "app_id": envelope.app.public_id,
        "environment": envelope.environment,
        "organization_id": organization_id and to_public_id(Prefix.ORGANIZATION, organization_id),
        "test": envelope.test,
        "data": data,
    }
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            "data must be JSON: objects, arrays, text, finite numbers, true, false and null.",
            details={"data": ["Not JSON."]},
        ) from error
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        text = json.dumps(body, allow_nan=False, separators=(",", ":"))
        size = len(text)
    if size > settings.WEBHOOKS_MAX_PAYLOAD_BYTES:
        raise TooLarge(
            f"The payload is over {settings.WEBHOOKS_MAX_PAYLOAD_BYTES:,} bytes: send a reference instead.",
            code="payload_too_large",
            details={"data": ["Too large."]},
        )
    return text
