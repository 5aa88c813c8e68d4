"""Sending many deliveries again: what a filter comes to, the start, and the progress of the job (S41)."""

import dataclasses
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.utils.http import urlencode

from deliveries.delivery_filter import DeliveryFilter
from deliveries.models import Replay, ReplayKind
from deliveries.models.replay import ACTIVE
from deliveries.replays import cancel_replay, count_matching, start_replay
from deliveries.views.delivery_filters import DeliveryFilterForm
from deliveries.views.filter_words import KIND_WORDS, filter_words
from switera_webhooks.ids import Prefix
from switera_webhooks.pages.errors import tell_when
from switera_webhooks.pages.window import CUSTOM, Moment
from switera_webhooks.refusals import Refusal
from switera_webhooks.times import iso
from webhooks.views.access import PageRequest, Tab, app_page

# What one endpoint can be sent again, in the words of the choice.
_KINDS_OF_ENDPOINT = [
    (ReplayKind.MISSING.value, "What it missed: events that it is subscribed to and has no delivery of"),
    (ReplayKind.FAILED.value, "What failed: deliveries that have used up their attempts"),
    (ReplayKind.ALL.value, "Everything: also what it has received already"),
]
_UNKNOWN_KIND = "There is no such kind of replay: choose failed, canceled, missing or all."
_KINDS = {ReplayKind.FAILED.value, ReplayKind.CANCELED.value, ReplayKind.MISSING.value, ReplayKind.ALL.value}
_OTHERS_AT_MOST = 5


class RecoverForm(forms.Form):
    """What an endpoint is sent again; the fields of the filter that have a say in it."""

    kind = forms.ChoiceField(label="Send again", choices=_KINDS_OF_ENDPOINT, widget=forms.RadioSelect)
    after = Moment(required=False, label="Created after (UTC)")
    before = Moment(required=False, label="Created before (UTC)")


@app_page(Tab.DELIVERIES, for_developers=True)
def start(page: PageRequest) -> HttpResponse:
    """GET with the filters of the list and `kind`: what it would come to. POST with the same: starts it.

    GET fixes the window of a preset, so that POST does what was counted, and twice is the same job.
    """
    given = page.http.POST if page.http.method == "POST" else page.http.GET
    context: dict[str, Any] = {"back": _back(page, given)}
    asked = given.get("kind") or ReplayKind.FAILED.value
    if asked not in _KINDS:
        return page.render("deliveries/replay_start.html", {**context, "unknown_kind": _UNKNOWN_KIND}, status=400)
    kind = ReplayKind(asked)
    form = DeliveryFilterForm(page, given)
    context["kind"] = kind
    if not form.is_valid() or form.of_one:
        context |= {"recover": _recover_form(form, kind, given.dict()), "form": form}
        return page.render("deliveries/replay_start.html", context, status=400)
    filters = _filters(form, kind)
    refused: Refusal | None = None
    try:
        if page.http.method == "POST":
            return page.redirect(
                "replay", start_replay(page.app, page.environment, kind, filters, page.actor).public_id
            )
        context["count"] = count_matching(page.app, page.environment, kind, filters)
    except Refusal as refusal:
        refused = refusal
    most = settings.WEBHOOKS_REPLAY_MAX
    fixed = _fixed(given, filters, kind)
    others = Replay.objects.active().filter(app=page.app, environment=page.environment).order_by("-created_at")
    context |= {
        "refusal": refused and refused.message,
        "most": most,
        "too_many": bool(most) and context.get("count", 0) > most,
        "filter": filter_words(page, filters),
        "fixed": fixed,
        "recover": _recover_form(form, kind, fixed),
        "others": [(other, KIND_WORDS[other.kind]) for other in others[:_OTHERS_AT_MOST]],
    }
    if refused is None:
        return page.render("deliveries/replay_start.html", context)
    return tell_when(page.render("deliveries/replay_start.html", context, status=refused.status), refused)


@app_page(Tab.DELIVERIES)
def replay(page: PageRequest, job_id: str) -> HttpResponse:
    """How far a job has come; the part alone for htmx."""
    found = page.find(Replay.objects.all(), Prefix.JOB, job_id)
    context = {
        "replay": found,
        "kind": ReplayKind(found.kind),
        "what": KIND_WORDS[found.kind],
        "active": found.status in ACTIVE,
        "share": 100 if not found.count else found.progress * 100 // found.count,
        "sent_again": found.retried + found.created,
        "filter": filter_words(page, DeliveryFilter.from_json(found.filters)),
    }
    if page.http.headers.get("HX-Request"):
        return page.part("deliveries/replay_progress.html", context)
    return page.render("deliveries/replay.html", context)


@app_page(Tab.DELIVERIES)
def cancel(page: PageRequest, job_id: str) -> HttpResponse:
    """POST: the job goes no further."""
    found = page.find(Replay.objects.all(), Prefix.JOB, job_id)
    page.refuse_viewers()
    if page.http.method != "POST":
        raise Http404
    try:
        cancel_replay(found, page.actor)
    except Refusal as refusal:
        messages.error(page.http, refusal.message)
    return page.redirect("replay", job_id)


def _filters(form: DeliveryFilterForm, kind: ReplayKind) -> DeliveryFilter:
    """Of the list. What is tried again has one state; events are found by endpoint, type and time alone."""
    filters = form.filters()
    if kind.walks_events:
        return DeliveryFilter(
            endpoint_id=filters.endpoint_id,
            event_type=filters.event_type,
            after=filters.after,
            before=filters.before,
        )
    return dataclasses.replace(filters, status=None)


def _fixed(given: QueryDict, filters: DeliveryFilter, kind: ReplayKind) -> dict[str, str]:
    """The fields that start what was counted: the kind says the status, and a preset's window is that of now."""
    names = set(DeliveryFilterForm.base_fields) - {"status", "when", "after", "before"}
    fields = {name: str(given[name]) for name in given if name in names and given[name]} | {"kind": kind.value}
    for name, moment in (("after", filters.after), ("before", filters.before)):
        if moment is not None:
            fields |= {"when": CUSTOM, name: iso(moment)}
    return fields


def _recover_form(form: DeliveryFilterForm, kind: ReplayKind, fields: dict[str, str]) -> RecoverForm | None:
    """The choices for one endpoint, where the filter names one."""
    if not form.data.get("endpoint") or kind == ReplayKind.CANCELED:
        return None
    recover = RecoverForm(fields | {"kind": kind.value}, label_suffix="")
    recover.full_clean()
    for name in ("after", "before"):
        for sentence in form.errors.get(name, ()):
            if sentence not in recover.errors.get(name, ()):
                recover.add_error(name, sentence)
    return recover


def _back(page: PageRequest, given: QueryDict) -> str:
    """The list with the filters that led here."""
    names = set(DeliveryFilterForm.base_fields)
    filters = {name: str(given[name]) for name in given if name in names and given[name]}
    return f"{page.url('deliveries')}?{urlencode(filters)}"
