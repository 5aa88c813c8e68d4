"""The audit log of the app and environment: who did what to which object, and all of it as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.http import HttpResponse, HttpResponseBase

from switera_webhooks.refusals import InvalidInput
from webhooks.api.audit_files import AuditFileFormat, audit_file, csv_text, json_text
from webhooks.api.audit_serializers import AuditEntrySerializer
from webhooks.audit import ActorType
from webhooks.audit_actions import action_words
from webhooks.audit_log import audit_entries, export_audit_log
from webhooks.models import AuditEntry
from webhooks.views.access import PageRequest, Section, app_page
from webhooks.views.audit_changes import Change, readable_changes
from webhooks.views.audit_filters import AuditFilterForm
from webhooks.views.audit_targets import Target, targets

# Tells spreadsheets that the file is UTF-8.
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_KINDS = {
    ActorType.API_KEY.value: "API key",
    ActorType.COMMAND.value: "Command",
    ActorType.SYSTEM.value: "System",
}


@dataclass(frozen=True)
class Row:
    """An entry in the list. `actor` is what the filter is asked for."""

    entry: AuditEntry
    words: str
    actor: str
    kind_of_actor: str
    target: Target
    changes: list[Change]


@app_page(Section.AUDIT_LOGS)
def audit_logs(page: PageRequest) -> HttpResponse:
    """Newest first, for every member. The rows' links take a query a type of target."""
    form = AuditFilterForm(page, page.http.GET)
    if not form.is_valid():
        return page.render("webhooks/audit_logs.html", {"form": form, "failed": True}, status=400)
    found = page.paginate(audit_entries(page.app, page.environment, form.filters()))
    context = {
        "form": form,
        "found": found,
        "rows": _rows(page, found.items),
        "filtered": bool(page.http.GET.keys() & form.fields.keys()),
    }
    return page.render("webhooks/audit_logs.html", context)


def _rows(page: PageRequest, entries: Sequence[AuditEntry]) -> list[Row]:
    return [
        Row(
            entry,
            action_words(entry.action),
            entry.actor_id or entry.actor_type,
            _KINDS.get(entry.actor_type, ""),
            target,
            readable_changes(entry.changes),
        )
        for entry, target in zip(entries, targets(page, entries), strict=True)
    ]


@app_page(Section.AUDIT_LOGS)
def audit_export(page: PageRequest) -> HttpResponseBase:
    """By POST, as it is on record: the file that `as` names, with the filters of the URL."""
    if page.http.method != "POST":
        return page.redirect("audit_logs")
    form = AuditFilterForm(page, page.http.GET)
    wanted: Any = page.http.POST.get("as")
    if not form.is_valid() or wanted not in set(AuditFileFormat):
        raise InvalidInput("This export is not understood: go back to the audit log and choose its filters again.")
    file_format = AuditFileFormat(wanted)
    batches = export_audit_log(page.app, page.environment, form.filters(), file_format, page.actor)
    if file_format == AuditFileFormat.JSON:
        text = json_text(batches, AuditEntrySerializer().to_representation)
        return audit_file(page.app, page.environment, file_format, text)
    return audit_file(page.app, page.environment, file_format, chain([_BYTE_ORDER_MARK], csv_text(batches)))
