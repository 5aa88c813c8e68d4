"""One delivery's attempts as its page shows them: the timeline, and what one of them sent and got."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from deliveries.engine.destinations import headers_of_every_request
from deliveries.failure_causes import Cause
from deliveries.models import Attempt
from switera_webhooks.ids import Prefix, to_public_id
from switera_webhooks.pages.code import json_text


@dataclass(frozen=True)
class TimelineEntry:
    """An attempt and how long after the end of the one before it began; `cause` of a failed one."""

    attempt: Attempt
    waited: dt.timedelta | None
    cause: Cause | None


@dataclass(frozen=True)
class Exchange:
    """What one attempt sent and got, as text. `pretty` bodies are empty where they would look the same."""

    request_head: str
    request_body: str
    request_pretty: str
    url_may_differ: bool
    response_head: str
    response_body: str
    response_pretty: str


def timeline(attempts: Sequence[Attempt], causes: Mapping[int, Cause]) -> list[TimelineEntry]:
    """Newest first; `attempts` are oldest first."""
    entries = []
    ended: dt.datetime | None = None
    for attempt in attempts:
        waited = None if ended is None else max(attempt.started_at - ended, dt.timedelta(0))
        entries.append(TimelineEntry(attempt, waited, causes.get(attempt.number)))
        ended = attempt.started_at + dt.timedelta(milliseconds=attempt.duration_ms)
    return entries[::-1]


def exchange(delivery: Any, attempt: Attempt) -> Exchange:
    """The request is put together again: signatures and the values of a Builder's own headers are kept nowhere."""
    endpoint, body = delivery.endpoint, delivery.event.payload
    url = urlsplit(endpoint.url)
    path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    headers = [
        ("host", url.netloc),
        *headers_of_every_request(),
        ("webhook-id", to_public_id(Prefix.EVENT, delivery.event_id)),
        ("webhook-timestamp", str(int(attempt.started_at.timestamp()))),
        ("webhook-signature", "v1,<made for this attempt and not kept>"),
        ("switera-delivery-id", delivery.public_id),
        ("switera-attempt", str(attempt.number)),
        ("switera-event-type", delivery.event_type),
        *((name, "<value not shown>") for name in endpoint.headers),
    ]
    return Exchange(
        request_head=_head(f"POST {path} HTTP/1.1", headers),
        request_body=body,
        request_pretty=_pretty(body),
        url_may_differ=endpoint.updated_at > attempt.started_at,
        response_head=_response_head(attempt),
        response_body=attempt.response_body,
        response_pretty=_pretty(attempt.response_body),
    )


def planned_wait(delivery: Any) -> dt.timedelta | None:
    """The schedule's delay before the next attempt; None where the next one comes for another reason."""
    position = delivery.schedule_position
    if not delivery.attempt_count or not 1 <= position <= len(settings.WEBHOOKS_RETRY_SCHEDULE):
        return None
    return dt.timedelta(seconds=settings.WEBHOOKS_RETRY_SCHEDULE[position - 1])


def _response_head(attempt: Attempt) -> str:
    if attempt.response_status is None:
        return ""
    try:
        phrase = HTTPStatus(attempt.response_status).phrase
    except ValueError:
        phrase = ""
    return _head(f"{attempt.response_status} {phrase}".strip(), attempt.response_headers or ())


def _head(first: str, headers: Sequence[Sequence[object]]) -> str:
    return "\n".join([first, *(f"{name}: {value}" for name, value in headers)])


def _pretty(text: str) -> str:
    pretty = json_text(text)
    return "" if pretty == text else pretty
