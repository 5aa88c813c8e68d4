"""Lists of history read so many of the newest rows, say how far they looked, and lead on."""

import re
from html import unescape

import pytest
from django.test import Client

from deliveries.models import Delivery, DeliveryStatus
from switera_webhooks.admin import history, lists
from switera_webhooks.environments import Environment
from tests.admin.conftest import ids
from tests.factories import make_app, make_delivery, make_endpoint, make_event
from webhooks.models import App, AuditEntry

pytestmark = pytest.mark.django_db
LIST = "/admin/deliveries/delivery/"
AUDIT = "/admin/webhooks/auditentry/"


def further(client: Client, path: str, text: str) -> str | None:
    """Where the link with this text leads."""
    html = client.get(path).content.decode()
    found = re.search(rf'<p class="older">.*?<a href="([^"]+)">{text}</a></p>', html, re.S)
    return None if found is None else LIST + unescape(found[1])


def page_ids(client: Client, url: str) -> list[str]:
    path, _, query = url.partition("?")
    return ids(client, path, **dict(pair.split("=") for pair in query.split("&")))


def test_older_rows_are_a_link_away(app: App, superuser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "ROWS_AT_MOST", 2)
    endpoint = make_endpoint(app)
    keys = [make_delivery(make_event(app), endpoint).public_id for _ in range(5)]

    assert ids(superuser, LIST) == keys[:-3:-1]
    second = further(superuser, LIST, "Older ones")
    assert second is not None
    assert page_ids(superuser, second) == [keys[2], keys[1]]
    third = further(superuser, second, "Older ones")
    assert third is not None
    assert page_ids(superuser, third) == [keys[0]]
    assert further(superuser, third, "Older ones") is None


def test_a_filter_searches_so_many_and_goes_on_where_it_stopped(
    app: App, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SEARCHED_AT_ONCE", 2)
    endpoint = make_endpoint(app)
    old = make_delivery(make_event(app), endpoint, DeliveryStatus.FAILED, error_code="timeout").public_id
    for _ in range(4):
        make_delivery(make_event(app), endpoint, DeliveryStatus.SUCCEEDED)
    path = f"{LIST}?error=timeout"

    assert page_ids(superuser, path) == []
    second = further(superuser, path, "Search further back")
    assert second is not None
    assert page_ids(superuser, second) == [old] or further(superuser, second, "Search further back") is not None
    pages = [path]
    while (following := further(superuser, pages[-1], "Search further back")) is not None:
        pages.append(following)
    assert [key for page in pages for key in page_ids(superuser, page)].count(old) == 1
    assert 2 <= len(pages) <= 3


def test_what_is_under_way_is_found_however_old_it_is(
    app: App, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SEARCHED_AT_ONCE", 2)
    endpoint = make_endpoint(app)
    old = make_delivery(make_event(app), endpoint, attempt_count=1).public_id
    for _ in range(4):
        make_delivery(make_event(app), endpoint, DeliveryStatus.SUCCEEDED)

    assert ids(superuser, LIST, status="retrying") == [old]
    assert further(superuser, f"{LIST}?status=retrying", "Search further back") is None


def test_the_newest_of_a_small_app_are_found_behind_those_of_a_large_one(
    app: App, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SEARCHED_AT_ONCE", 2)
    small = make_app("Small").app
    mine = make_delivery(make_event(small), make_endpoint(small), DeliveryStatus.FAILED).public_id
    tested = make_endpoint(small, environment=Environment.TEST)
    test = make_delivery(make_event(small, environment=Environment.TEST), tested, DeliveryStatus.FAILED).public_id
    endpoint = make_endpoint(app)
    for _ in range(4):
        make_delivery(make_event(app), endpoint, DeliveryStatus.FAILED)

    assert ids(superuser, LIST, q=small.public_id) == [test, mine]
    assert ids(superuser, LIST, q=small.public_id, status="failed") == [test, mine]
    assert ids(superuser, LIST, q=small.public_id, environment="live") == [mine]


def test_audit_entries_are_found_by_whom_and_what_they_are_about(app: App, superuser: Client) -> None:
    endpoint = make_endpoint(app)
    foreign = make_app("Other").app

    def told(**query: str) -> list[str]:
        answer = superuser.get(AUDIT, query).content.decode()
        return re.findall(r'<td class="field-action">([^<]+)</td>', answer)

    assert told(q=endpoint.public_id) == told(q=str(endpoint.pk)) == ["endpoint.created"]
    assert told(q=app.public_id) == ["endpoint.created", "app.created"]
    assert told(q=foreign.public_id) == ["app.created"]
    assert told(q="endpoint.created") == told(about="endpoint") == ["endpoint.created"]
    assert told(actor="command") == told(q="manage.py test") == ["app.created", "endpoint.created", "app.created"]
    assert told(actor="api_key") == []
    entry = AuditEntry.objects.get(action="endpoint.created")
    assert told(q=entry.public_id) == ["endpoint.created"]


@pytest.mark.parametrize("query", ["before=nonsense", "before=", "p=99", "o=1", "q=%00", "e=1", "status="])
def test_a_mistyped_address_shows_the_list(app: App, superuser: Client, query: str) -> None:
    make_delivery(make_event(app), make_endpoint(app))

    answer = superuser.get(f"{LIST}?{query}", follow=True)

    assert answer.status_code == 200
    assert Delivery.objects.count() == 1
    assert answer.content.decode().count('class="field-status_"') == 1
