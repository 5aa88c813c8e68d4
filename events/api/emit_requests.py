"""Reading what is to be emitted. By hand, not by a serializer: emitting over REST is hot."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from events.emit import MAX_BATCH, EmitRequest
from events.platform_events import PlatformRequest
from switera_webhooks.api.errors import invalid_fields
from switera_webhooks.api.fields import TIME_EXPECTED, parse_time, unknown_fields
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.refusals import InvalidInput

PLATFORM_FIELDS = ("app_id", "environment")
FIELDS = ("type", "data", "idempotency_key", "timestamp", "organization_id")
Request = TypeVar("Request")
_REQUIRED = "This field is required."


def emit_request(body: object, header_key: str | None = None) -> EmitRequest:
    """One event; `header_key` is what the Idempotency-Key header says. Raises InvalidInput."""
    event = _object(body, FIELDS)
    problems: dict[str, object] = {}
    request = _event(event, header_key, problems)
    if problems:
        raise invalid_fields(problems)
    return request


def platform_request(body: object, header_key: str | None = None) -> PlatformRequest:
    """One event with its app and environment. Raises InvalidInput."""
    event = _object(body, PLATFORM_FIELDS + FIELDS)
    problems: dict[str, object] = {}
    text = event.get("app_id")
    app_id = from_public_id(Prefix.APP, text) if isinstance(text, str) else None
    if app_id is None:
        problems["app_id"] = ["Give an id that starts with app_." if "app_id" in event else _REQUIRED]
    environment = event.get("environment")
    if environment not in Environment.values:
        problems["environment"] = ["Give live or test." if "environment" in event else _REQUIRED]
    request = _event(event, header_key, problems)
    if problems or app_id is None:
        raise invalid_fields(problems)
    return PlatformRequest(app_id, str(environment), request)


def _object(body: object, fields: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise invalid_fields({"body": ["Give a JSON object."]})
    if refusal := unknown_fields(body, fields):
        raise refusal
    return body


def _event(body: Mapping[str, Any], header_key: str | None, problems: dict[str, object]) -> EmitRequest:
    """The event as far as it can be read; what is wrong goes to `problems`."""
    kind, data = body.get("type"), body.get("data")
    if not isinstance(kind, str):
        problems["type"] = ["Give text." if "type" in body else _REQUIRED]
    if not isinstance(data, dict):
        problems["data"] = ["Give a JSON object." if "data" in body else _REQUIRED]
    key = body.get("idempotency_key")
    if key is not None and not isinstance(key, str):
        problems["idempotency_key"] = ["Give text."]
    elif header_key is not None and key not in (None, header_key):
        problems["idempotency_key"] = ["The Idempotency-Key header says something else: give one of the two."]
    timestamp = None
    if body.get("timestamp") is not None:
        timestamp = parse_time(body["timestamp"])
        if timestamp is None:
            problems["timestamp"] = [TIME_EXPECTED]
    organization_id = None
    if body.get("organization_id") is not None:
        text = body["organization_id"]
        organization_id = from_public_id(Prefix.ORGANIZATION, text) if isinstance(text, str) else None
        if organization_id is None:
            problems["organization_id"] = ["Give an id that starts with org_."]
    return EmitRequest(str(kind), data, timestamp, organization_id, header_key if key is None else key)


def emit_requests(body: Mapping[str, Any], read: Callable[[object], Request]) -> list[Request]:
    """The events of a batch, each read by this function.

    Raises InvalidInput that names the index of each that is wrong, ten at most.
    """
    if refusal := unknown_fields(body, ("events",)):
        raise refusal
    events = body.get("events")
    if not isinstance(events, list):
        raise invalid_fields({"events": ["Give a list of events." if "events" in body else _REQUIRED]})
    requests: list[Request] = []
    refusals: dict[str, InvalidInput] = {}
    # One more than a batch may hold: emit_batch refuses that many, and no more need be looked at.
    for index, event in enumerate(events[: MAX_BATCH + 1]):
        try:
            requests.append(read(event))
        except InvalidInput as refusal:
            refusals[str(index)] = refusal
            if len(refusals) == 10:
                break
    if refusals:
        number, first = next(iter(refusals.items()))
        details = {
            number: {"code": refusal.code, "message": refusal.message, **refusal.details}
            for number, refusal in refusals.items()
        }
        raise InvalidInput(f"Event {number}: {first.message}", code=first.code, details={"events": details})
    return requests
