"""What the tests of the section Organizations share: paths, what stands on a page, and what a change left."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client

from events.models import Event
from tests.demo import Demo
from webhooks.models import AuditEntry, Invitation, Organization, OrganizationDomain, OrganizationMember


def base_of(demo: Demo, environment: str = "live") -> str:
    return f"/apps/{demo.app.slug}/{'' if environment == 'live' else 'test/'}organizations/"


def path_of(demo: Demo, name: str, section: str = "") -> str:
    return f"{base_of(demo)}{demo.ids[name]}/{section}"


def text_of(client: Client, path: str) -> str:
    """What stands on the page, without its tags."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    html = re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def listed(client: Client, path: str) -> list[str]:
    """The names in the first column."""
    rows = re.findall(r'<th scope="row".*?</th>', client.get(path).content.decode(), flags=re.DOTALL)
    return [re.sub(r"<[^>]*>", " ", row).split()[0] for row in rows]


def rows() -> list[list[Any]]:
    models = (AuditEntry, Event, Invitation, Organization, OrganizationDomain, OrganizationMember)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@contextmanager
def nothing_changed() -> Iterator[None]:
    before = rows()
    yield
    assert rows() == before


def told() -> list[tuple[str, str]]:
    """Type and environment of the events that the pages caused, in order."""
    events = Event.objects.filter(type__startswith="organization.")
    return list(events.order_by("pk").values_list("type", "environment"))


def audited() -> list[str]:
    entries = AuditEntry.objects.filter(action__startswith="organization.", actor_type="builder", ip="192.0.2.7")
    return list(entries.order_by("pk").values_list("action", flat=True))
