"""API keys of one environment: made, rotated, revoked; the whole of a key is shown once, by its own page."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils import timezone

from switera_webhooks.ids import Prefix
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import InvalidInput
from webhooks.api_keys import (
    DEFAULT_KEY_OVERLAP,
    MAX_KEY_OVERLAP,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)
from webhooks.models import ApiKey, ApiKeyState
from webhooks.views.access import PageRequest, Section, app_page
from webhooks.views.shown_once import show_secret_once, take_secret


def _seconds(span: dt.timedelta) -> int:
    return int(span.total_seconds())


class RotateKeyForm(forms.Form):
    """How long the key before works beside the new one."""

    overlap = forms.TypedChoiceField(
        label="The old key goes on working for",
        coerce=int,
        choices=[
            (0, "Not at all: it ends now"),
            (3_600, "1 hour"),
            (_seconds(DEFAULT_KEY_OVERLAP), "24 hours"),
            (_seconds(MAX_KEY_OVERLAP), "7 days"),
        ],
        initial=_seconds(DEFAULT_KEY_OVERLAP),
        widget=forms.RadioSelect,
    )


@app_page(Section.API_KEYS)
def api_keys(page: PageRequest) -> HttpResponse:
    """The keys that work, newest first; with `?ended=1` those that no longer do."""
    now = timezone.now()
    ended = page.http.GET.get("ended") == "1"
    keys = ApiKey.objects.filter(app=page.app, environment=page.environment)
    found = page.paginate(_ended(keys, now) if ended else _working(keys, now))
    rows = [(key, key.state_at(now)) for key in found.items]
    return page.render("webhooks/api_keys.html", {"found": found, "rows": rows, "ended": ended})


def _working(keys: QuerySet[ApiKey], now: dt.datetime) -> QuerySet[ApiKey]:
    return keys.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


def _ended(keys: QuerySet[ApiKey], now: dt.datetime) -> QuerySet[ApiKey]:
    return keys.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=now))


@app_page(Section.API_KEYS, for_developers=True)
def api_key_create(page: PageRequest) -> HttpResponse:
    if page.http.method != "POST":
        return page.redirect("api_keys")
    key, text = create_api_key(page.app, page.environment, page.actor)
    show_secret_once(page, key, text)
    return page.redirect("api_key", key.public_id)


@app_page(Section.API_KEYS)
def api_key(page: PageRequest, key_id: str) -> HttpResponse:
    """One key; the whole of it where it has just been made, and to whoever made it alone."""
    return _key_page(page, key_id, RotateKeyForm())


@app_page(Section.API_KEYS, for_developers=True)
def api_key_rotate(page: PageRequest, key_id: str) -> HttpResponse:
    key = _find(page, key_id)
    if page.http.method != "POST":
        return page.redirect("api_key", key_id)
    form = RotateKeyForm(page.http.POST)
    if not form.is_valid():
        return _key_page(page, key_id, form, status=400)
    overlap = dt.timedelta(seconds=form.cleaned_data["overlap"])
    try:
        new, text = rotate_api_key(key, page.actor, overlap)
    except InvalidInput as refusal:
        add_refusal(form, refusal)
        return _key_page(page, key_id, form, status=400)
    show_secret_once(page, new, text)
    messages.success(
        page.http,
        f"This key takes the place of {key.masked}, which "
        + ("works on until what uses it has the new one, or its time is up." if overlap else "has ended."),
    )
    return page.redirect("api_key", new.public_id)


@app_page(Section.API_KEYS, for_developers=True)
def api_key_revoke(page: PageRequest, key_id: str) -> HttpResponse:
    key = _find(page, key_id)
    if key.state_at(timezone.now()) not in (ApiKeyState.ACTIVE, ApiKeyState.EXPIRING):
        return page.redirect("api_key", key_id)
    if page.http.method == "POST":
        revoke_api_key(key, page.actor)
        messages.success(page.http, f"{key.masked} is revoked: every request with it is refused from now on.")
        return page.redirect("api_keys")
    return page.render("webhooks/api_key_revoke.html", {"key": key})


def _find(page: PageRequest, key_id: str) -> ApiKey:
    return page.find(ApiKey.objects.all(), Prefix.API_KEY, key_id)


def _key_page(page: PageRequest, key_id: str, form: RotateKeyForm, status: int = 200) -> HttpResponse:
    key = _find(page, key_id)
    state = key.state_at(timezone.now())
    context: dict[str, Any] = {
        "key": key,
        "text": take_secret(page, key),
        "state": state,
        "works": state in (ApiKeyState.ACTIVE, ApiKeyState.EXPIRING),
        "form": form,
        "example": _example(page),
    }
    return page.render("webhooks/api_key.html", context, status=status)


def _example(page: PageRequest) -> str:
    url = page.http.build_absolute_uri(f"/api/v1/apps/{page.app.public_id}/endpoints")
    return f'curl --header "Authorization: Bearer $SWITERA_API_KEY" \\\n  {url}'
