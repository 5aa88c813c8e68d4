"""What the admin site shows of values: links, badges, times, and texts of others, which are text only (S35)."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from switera_webhooks.environments import Environment
from switera_webhooks.pages.badges import Badge
from switera_webhooks.templatetags.pages import badge_tag

NOTHING = "-"


def object_url(model: type[Model], key: uuid.UUID | int) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])


def list_url(model: type[Model], **query: str) -> str:
    """The list with these filters in its address; `q` searches."""
    path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{path}?{urlencode(query)}" if query else path


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def object_link(model: type[Model], key: uuid.UUID | int, text: object) -> SafeString:
    return link(object_url(model, key), text)


def list_link(model: type[Model], text: object, **query: str) -> SafeString:
    return link(list_url(model, **query), text)


def links(those: Iterable[SafeString]) -> SafeString:
    return format_html_join(mark_safe(" &middot; "), "{}", ((one,) for one in those))


def badge(shown: Badge) -> SafeString:
    return badge_tag(shown.tone, shown.icon, shown.word)


def code(text: object) -> SafeString:
    """An id, URL or name, in letters of one width."""
    return format_html("<code>{}</code>", text)


def at(moment: dt.datetime | None) -> str:
    """To the second, UTC."""
    return NOTHING if moment is None else f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def yes_no(fact: bool) -> str:
    """Not Django's icons: a red cross for what is not so looks like a failure."""
    return "Yes" if fact else "No"


def some(number: int, one: str, many: str) -> str:
    """ "1 delivery is", "2 deliveries are"."""
    return f"{number:,} {one if number == 1 else many}"


def in_app(name: str, environment: str) -> str:
    return name if environment == Environment.LIVE else f"{name} ({environment})"


def long_text(text: str, label: str) -> SafeString:
    """Collapsed: it may be large, and whoever looks for something else need not see it."""
    if not text:
        return format_html("{}", "Empty")
    return format_html(
        '<details class="long-text"><summary>{}, {} characters</summary><pre tabindex="0" role="region" '
        'aria-label="{}">{}</pre></details>',
        label,
        f"{len(text):,}",
        label,
        text,
    )


def json_text(value: object, label: str) -> SafeString:
    """A JSON value, indented; a text that is no JSON as it stands."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return long_text(str(value), label)
    return long_text("" if value in (None, {}, []) else json.dumps(value, indent=2, ensure_ascii=False), label)


def table(head: Iterable[str], rows: Iterable[Iterable[object]], label: str) -> SafeString:
    """A small table within an object's page."""
    cells = ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    return format_html(
        '<div class="results"><table class="inner-table"><caption class="visually-hidden">{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        label,
        format_html_join("", '<th scope="col">{}</th>', ((name,) for name in head)),
        format_html_join("", "<tr>{}</tr>", cells),
    )


def pairs(values: Mapping[str, Any]) -> SafeString:
    """Names and values, one a line."""
    if not values:
        return format_html("{}", NOTHING)
    return format_html_join(mark_safe("<br>"), "<code>{}</code>: {}", values.items())
