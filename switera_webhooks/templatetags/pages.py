"""The components of the pages as template tags: `{% load pages %}`. docs/pages.md shows each."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from switera_webhooks.pages import badges, chart, code
from switera_webhooks.pages.badges import Badge
from switera_webhooks.times import iso

register = template.Library()


@cache
def _icon_shapes(name: str) -> SafeString:
    """What is inside of the vendored icon's <svg>; read once a process."""
    text = (settings.BASE_DIR / "static" / "vendor" / "lucide" / f"{name}.svg").read_text()
    shapes = re.search(r"<svg[^>]*>(.*)</svg>", text, re.DOTALL)
    assert shapes is not None, name  # noqa: S101 (our own file)
    return mark_safe(" ".join(shapes[1].split()))  # noqa: S308 (our own file)


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of static/vendor/lucide, as large as the text beside it and hidden from screen readers."""
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', _icon_shapes(name))


# Badges ------------------------------------------------------------------------------------------


@register.simple_tag(name="badge")
def badge_tag(tone: str, icon_name: str, word: str) -> SafeString:
    """A badge of its own: a tone (good, warn, bad, info, idle), an icon and a word."""
    return _badge(Badge(tone, icon_name, word))


@register.simple_tag
def health_badge(health: str) -> SafeString:
    """Of an endpoint or of the app: attention, live, ready, setup."""
    return _badge(badges.HEALTH[health])


@register.simple_tag
def delivery_badge(status: str, attempts: int = 0, held: bool = False) -> SafeString:
    """Of a delivery: Pending, Retrying, Held, Sending, Succeeded, Failed, Canceled."""
    return _badge(badges.delivery_badge(status, attempts=attempts, held=held))


@register.simple_tag
def attempt_badge(status: str, text: str | int | None = None) -> SafeString:
    """Of an attempt; `text` (a response status, say) takes the place of the word."""
    badge = badges.ATTEMPT[status]
    return _badge(Badge(badge.tone, badge.icon, str(text)) if text else badge)


@register.simple_tag
def enabled_badge(disabled_reason: str | None) -> SafeString:
    """Of an endpoint: Enabled, or Disabled and why."""
    return _badge(badges.enabled_badge(disabled_reason))


@register.simple_tag
def breaker_badge(state: str) -> SafeString:
    """Of an endpoint's circuit breaker: closed, open, half_open."""
    return _badge(badges.BREAKER[state])


def _badge(badge: Badge) -> SafeString:
    return format_html('<span class="badge {}">{}<span>{}</span></span>', badge.tone, icon(badge.icon), badge.word)


@register.filter
def called(endpoint: Any, names: Mapping[Any, str]) -> str:
    """What `names` (webhooks/endpoint_names.py) calls the endpoint; its name, else its URL, where they do not."""
    return names.get(endpoint.pk) or str(endpoint)


# Charts ------------------------------------------------------------------------------------------


@register.simple_tag
def sparkline(hours: Sequence[chart.Counts]) -> SafeString:
    """A small bar an hour, what failed in red above what succeeded: `EndpointTraffic.hours`; "no traffic" if none."""
    return chart.sparkline(hours)


# Times, ids, code --------------------------------------------------------------------------------


_NEVER = mark_safe('<span class="none" aria-hidden="true">\N{EN DASH}</span><span class="visually-hidden">none</span>')


@register.simple_tag
def moment(value: dt.datetime | None, style: str = "full", in_link: bool = False) -> SafeString:
    """A time: in the Builder's time zone where scripts run, else in UTC; the exact UTC time on hover and focus.

    `style` is full (date and time), short (the time; of another day the date and minute),
    relative (in 4 min, 2 s ago) or due (in 4 min, or now).
    `in_link` leaves out the tab stop of its own: the link's focus shows the exact time.
    """
    if value is None:
        return mark_safe(
            '<span class="none" aria-hidden="true">\N{EN DASH}</span><span class="visually-hidden">none</span>'
        )
    utc = value.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" data-moment="{}"{}>{} UTC</time>',
        iso(utc),
        style,
        "" if in_link else mark_safe(' tabindex="0"'),
        f"{utc.day} {utc:%b %Y, %H:%M:%S}",
    )


@register.inclusion_tag("components/copyable.html")
def copyable(text: str, what: str = "", shown: str = "") -> dict[str, object]:
    """An id, URL or other text with a button that copies it. `what` names it for screen readers ("delivery id")."""
    return {"text": text, "what": what or text, "shown": shown or text}


@register.inclusion_tag("components/code_block.html")
def json_block(value: object, label: str = "JSON", open: bool = True) -> dict[str, object]:
    """A JSON value, or text that may be JSON (None: nothing), coloured, collapsible, with a button that copies it."""
    text = "" if value is None else code.json_text(value)
    return {"html": code.coloured(text, "json"), "label": label, "open": open, "empty": not text}


@register.inclusion_tag("components/code_block.html")
def code_block(text: str, language: str = "text", label: str = "Code", open: bool = True) -> dict[str, object]:
    """Code in a language that Pygments knows, as `json_block` shows JSON."""
    return {"html": code.coloured(text, language), "label": label, "open": open, "empty": not text}


# Parts of pages ----------------------------------------------------------------------------------


@register.inclusion_tag("components/breadcrumb.html")
def breadcrumb(url: str, parent: str, here: str) -> dict[str, str]:
    """The way back from a page below a tab: "Deliveries / dlv_…"."""
    return {"url": url, "parent": parent, "here": here}


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: template.Context, rows: Any) -> dict[str, object]:
    """ "Newer" and "Older" of a KeysetPage; the filters in the URL stay."""
    return {"request": context["request"], "rows": rows}


@register.inclusion_tag("components/state.html")
def state(
    icon_name: str, title: str, text: str, action_url: str = "", action: str = "", kind: str = "empty"
) -> dict[str, str]:
    """What stands in a list's place: nothing yet (`empty`), nothing matches (`nothing`), or it failed (`error`)."""
    return {
        "icon_name": icon_name,
        "title": title,
        "text": text,
        "action_url": action_url,
        "action": action,
        "kind": kind,
    }
