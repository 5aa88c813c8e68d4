"""The audit log as a file: CSV that spreadsheets may open (S35), or JSON; streamed, a batch of entries at a time."""

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

from switera_webhooks.environments import Environment
from switera_webhooks.times import iso
from webhooks.models import App, AuditEntry

Batches = Iterable[Sequence[AuditEntry]]
# A cell that begins so is a formula to a spreadsheet: the four of S35, what some skip before them, their wide forms.
_ARMED = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_COLUMNS: Mapping[str, Callable[[AuditEntry], str]] = {
    "id": lambda entry: entry.public_id,
    "created_at": lambda entry: iso(entry.created_at),
    "action": lambda entry: entry.action,
    "actor_type": lambda entry: entry.actor_type,
    "actor_id": lambda entry: entry.actor_id,
    "actor_name": lambda entry: entry.actor_name,
    "target_type": lambda entry: entry.target_type,
    "target_id": lambda entry: entry.target_id,
    "target_name": lambda entry: entry.target_name,
    "changes": lambda entry: _json(entry.changes) if entry.changes else "",
    "ip": lambda entry: entry.ip or "",
}


class AuditFileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"


_CONTENT_TYPES = {AuditFileFormat.CSV: "text/csv; charset=utf-8", AuditFileFormat.JSON: "application/json"}


def audit_file(app: App, environment: str, file_format: AuditFileFormat, text: Iterable[str]) -> StreamingHttpResponse:
    """The answer that a browser saves as `shop-audit-2026-01-31.csv`, no cache keeps, and nobody takes for a page."""
    of_test = "-test" if environment == Environment.TEST else ""
    day = timezone.now().astimezone(dt.UTC).date().isoformat()
    response = StreamingHttpResponse(text, content_type=_CONTENT_TYPES[file_format])
    name = f"{app.slug}{of_test}-audit-{day}.{file_format.value}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def csv_text(batches: Batches) -> Iterator[str]:
    """A header, then a line an entry; `changes` is JSON."""
    yield _lines([list(_COLUMNS)])
    for batch in batches:
        yield _lines([[disarmed(cell(entry)) for cell in _COLUMNS.values()] for entry in batch])


def json_text(batches: Batches, shape: Callable[[AuditEntry], Any]) -> Iterator[str]:
    """An array, an entry a line."""
    start = "[\n"
    for batch in batches:
        yield start + ",\n".join(_json(shape(entry)) for entry in batch)
        start = ",\n"
    yield "[]\n" if start == "[\n" else "\n]\n"


def disarmed(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would take for a formula (S35)."""
    return f"'{text}" if text.startswith(_ARMED) else text


def _lines(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
