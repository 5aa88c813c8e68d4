"""Lists by a filter that no index knows: bounded work a page, and no row that is passed over."""

import uuid

import pytest

from deliveries import delivery_search
from deliveries.delivery_filter import DeliveryFilter
from deliveries.delivery_search import SearchedPage, search_deliveries
from deliveries.models import Delivery, DeliveryStatus
from switera_webhooks.ids import made_at
from switera_webhooks.keyset import UnknownCursor
from tests.factories import make_app, make_delivery, make_endpoint, make_event
from webhooks.models import App

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr(delivery_search, "SEARCHED_AT_ONCE", 4)
    return make_app().app


def make(app: App, *responses: int, status: str = DeliveryStatus.SUCCEEDED) -> list[uuid.UUID]:
    """Deliveries with these answers, newest first."""
    endpoint = make_endpoint(app)
    made = [make_delivery(make_event(app), endpoint, status, response_status=each).pk for each in reversed(responses)]
    return made[::-1]


def page_of(app: App, cursor: str | None = None, limit: int = 2, **filters: object) -> SearchedPage:
    given = DeliveryFilter(**filters)  # type: ignore[arg-type]
    rows = given.apply(Delivery.objects.filter(app=app, environment="live"))
    return search_deliveries(app.pk, "live", given, rows, cursor=cursor, limit=limit)


def ids(page: SearchedPage) -> list[uuid.UUID]:
    return [row.pk for row in page.items]


def test_a_page_looks_no_further_than_so_many_rows_and_says_how_far(app: App) -> None:
    rows = make(app, 200, 500, 200, 200, 200, 200, 500, 200)

    first = page_of(app, response_status=500)
    second = page_of(app, first.next, response_status=500)

    assert (ids(first), first.previous) == ([rows[1]], None)
    assert first.searched_until == made_at(rows[4])
    assert (ids(second), second.next, second.searched_until) == ([rows[6]], None, None)


def test_walking_on_finds_each_row_once_however_they_lie(app: App) -> None:
    rows = make(app, 500, *[200] * 9, 500, 500, 500, *[200] * 5, 500, 500, 200)
    matching = [
        row for row, each in zip(rows, [500, *[0] * 9, 500, 500, 500, *[0] * 5, 500, 500, 0], strict=True) if each
    ]

    found: list[uuid.UUID] = []
    cursor: str | None = None
    for _ in range(20):
        page = page_of(app, cursor, response_status=500)
        found += ids(page)
        last, cursor = page, page.next
        if cursor is None:
            break
    assert found == matching

    back = ids(last)
    cursor = last.previous
    while cursor is not None:
        page = page_of(app, cursor, response_status=500)
        back = ids(page) + back
        cursor = page.previous
    assert back == matching


def test_a_full_page_is_a_page_like_any_other(app: App) -> None:
    rows = make(app, 500, 500, 500, 500, 500, 500)

    page = page_of(app, response_status=500)

    assert (ids(page), page.searched_until) == (rows[:2], None)
    assert ids(page_of(app, page.next, response_status=500)) == rows[2:4]


def test_what_an_index_knows_is_found_however_far_back(app: App) -> None:
    (failed,) = make(app, 500, status=DeliveryStatus.FAILED)
    (waiting,) = make(app, 500, status=DeliveryStatus.PENDING)
    make(app, *[200] * 9)

    assert ids(page_of(app, status="failed")) == [failed]
    assert ids(page_of(app, status="failed", response_status=500)) == [failed]
    assert ids(page_of(app, status="pending")) == [waiting]
    assert ids(page_of(app, event_id=Delivery.objects.get(pk=failed).event_id)) == [failed]


def test_only_this_app_is_looked_through(app: App) -> None:
    """S34: another app's rows neither are found nor use up what is looked through."""
    rows = make(app, 500, 200)
    make(make_app("Other").app, *[500] * 9)

    page = page_of(app, response_status=500)

    assert (ids(page), page.searched_until) == ([rows[0]], None)


@pytest.mark.parametrize("cursor", ["none-of-ours", "bg", ""])
def test_a_cursor_that_is_none_of_ours_is_refused(app: App, cursor: str) -> None:
    with pytest.raises(UnknownCursor):
        page_of(app, cursor, response_status=500)
