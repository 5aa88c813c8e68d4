"""The text that every endpoint gets, made once when the event is emitted (product.md section 4)."""

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.refusals import InvalidInput, TooLarge
from switera_webhooks.times import iso
from webhooks.models import App

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_escaped_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


@lru_cache(maxsize=1_000)
def _app_id(key: uuid.UUID) -> str:
    return to_public_id(Prefix.APP, key)


@dataclass(frozen=True, slots=True)
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

    Text is kept as it is; where data holds half a surrogate pair, which UTF-8 cannot carry, all of it is escaped.
    """
    organization_id = envelope.organization_id and to_public_id(Prefix.ORGANIZATION, envelope.organization_id)
    before_data = (
        f'{{"id":"{to_public_id(Prefix.EVENT, envelope.id)}","type":{_json(envelope.type)},'
        f'"timestamp":"{iso(envelope.occurred_at)}","app_id":"{_app_id(envelope.app.pk)}",'
        f'"environment":{_json(envelope.environment)},"organization_id":{_json(organization_id)},'
        f'"test":{"true" if envelope.test else "false"},"data":'
    )
    try:
        text = f"{before_data}{_json(data)}}}"
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            "data must be JSON: objects, arrays, text, finite numbers, true, false and null.",
            details={"data": ["Not JSON."]},
        ) from error
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        text = f"{before_data}{_escaped_json(data)}}}"
        size = len(text.encode())
    if size > settings.WEBHOOKS_MAX_PAYLOAD_BYTES:
        raise TooLarge(
            f"The payload is over {settings.WEBHOOKS_MAX_PAYLOAD_BYTES:,} bytes: send a reference instead.",
            code="payload_too_large",
            details={"data": ["Too large."]},
        )
    return text
