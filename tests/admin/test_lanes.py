"""Lanes on the admin site: what operators see, how they find it, and that nothing is changed there."""

import datetime as dt
import re
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import Lane
from switera_webhooks.admin import lists as shared
from tests.factories import URL, make_app, make_endpoint
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db
LIST = "/admin/deliveries/lane/"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def app() -> App:
    return make_app("Shop").app


@pytest.fixture
def operator() -> Client:
    """Somebody of the staff who may look at lanes, and no more."""
    user = User.objects.create_user("olga", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_lane"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def lane(app: App, **columns: object) -> Endpoint:
    endpoint = make_endpoint(app)
    Lane.objects.filter(pk=endpoint.pk).update(**columns)
    return endpoint


def rows(client: Client, **query: str) -> list[list[str]]:
    """The cells of the list, as text."""
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    table = answer.content.decode().split("<tbody>")[-1].split("</tbody>")[0] if b"<tbody>" in answer.content else ""
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.S)
    ]


def found(client: Client, **query: str) -> list[str]:
    return [row[0] for row in rows(client, **query)]


def test_the_list_shows_where_each_endpoint_stands_newest_first(operator: Client, app: App) -> None:
    at = dt.datetime(2099, 1, 31, 12, tzinfo=dt.UTC)
    past = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    closed = lane(app)
    is_open = lane(app, open_until=at, failures_in_a_row=12, in_flight=1, cap=2, failing_since=past)
    half_open = lane(app, open_until=past, failures_in_a_row=10)

    assert rows(operator) == [
        [half_open.public_id, URL, "Shop", "Half-open", "2026-01-31 12:00:00", "10", "0", "16", "-"],
        [is_open.public_id, URL, "Shop", "Open", "2099-01-31 12:00:00", "12", "1", "2", "2026-01-31 12:00:00"],
        [closed.public_id, URL, "Shop", "Closed", "-", "0", "0", "16", "-"],
    ]


def test_the_filters_find_what_needs_a_look(operator: Client, app: App) -> None:
    now = timezone.now()
    lane(app)
    is_open = lane(app, open_until=now + HOUR).public_id
    due = lane(app, open_until=now - HOUR).public_id
    probing = lane(app, open_until=now + HOUR, probing=True).public_id
    failing = lane(app, failing_since=now - dt.timedelta(minutes=59)).public_id
    long_failing = lane(app, failing_since=now - 2 * HOUR).public_id
    waiting = [lane(app, **{name: now + HOUR}).public_id for name in ("urgent_from", "fresh_from", "retry_from")]

    assert found(operator, breaker="open") == [is_open]
    assert found(operator, breaker="half_open") == [probing, due]
    assert found(operator, failing="yes") == [long_failing, failing]
    assert found(operator, failing="hour") == [long_failing]
    assert found(operator, waiting="yes") == waiting[::-1]


def test_a_lane_is_found_by_its_endpoints_id_with_or_without_its_prefix(operator: Client, app: App) -> None:
    lane(app)
    wanted = lane(app)
    lane(app)
    id = wanted.public_id

    for term in (id, f" {id} ", id.removeprefix("ep_"), str(wanted.pk)):
        assert found(operator, q=term) == [id]
    for term in ("ep_", "Shop", id[:-1], id.replace("ep_", "evt_"), "%"):
        assert found(operator, q=term) == []


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_costs_six_queries(operator: Client, app: App, count: int) -> None:
    """Session, user, two of permissions, a count that is bounded, and the rows."""
    for _ in range(count):
        make_endpoint(app)

    with CaptureQueriesContext(connection) as queries:
        assert len(rows(operator)) == count

    assert len(queries) == 6
    [counting] = [query["sql"] for query in queries.captured_queries if "COUNT(" in query["sql"]]
    assert f"LIMIT {shared.ROWS_AT_MOST}" in counting


def test_no_more_rows_are_counted_and_paged_than_the_bound(
    operator: Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "ROWS_AT_MOST", 2)
    for _ in range(3):
        make_endpoint(app)

    answer = operator.get(LIST)

    assert b"2 lanes" in answer.content
    assert b"3 lanes" not in answer.content


def test_one_lane_is_shown_and_has_nothing_to_fill_in(superuser: Client, app: App) -> None:
    endpoint = lane(app, failures_in_a_row=7)

    answer = superuser.get(f"{LIST}{endpoint.pk}/change/")

    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="cap"' not in html
    assert 'name="_save"' not in html
    assert html.count('<div class="readonly">7</div>') == 1


@pytest.mark.parametrize("path", ["add/", "{id}/change/", "{id}/delete/"])
def test_no_lane_is_added_changed_or_deleted(superuser: Client, app: App, path: str) -> None:
    endpoint = lane(app)
    before = list(Lane.objects.values())

    answer = superuser.post(LIST + path.format(id=endpoint.pk), {"cap": "1", "post": "yes", "_save": "Save"})

    assert (answer.status_code, list(Lane.objects.values())) == (403, before)


def test_no_action_deletes_what_is_selected(superuser: Client, app: App) -> None:
    endpoint = lane(app)

    superuser.post(LIST, {"action": "delete_selected", "_selected_action": str(endpoint.pk), "post": "yes"})

    assert Lane.objects.count() == 1


@pytest.mark.parametrize("path", ["/admin/", LIST, "/admin/webhooks/app/"])
def test_the_admin_site_is_for_staff(path: str) -> None:
    """S37."""
    builder = Client()
    builder.force_login(User.objects.create_user("ada"))

    for client in (builder, Client()):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={path}")


def test_staff_without_the_permission_see_no_lanes() -> None:
    client = Client()
    client.force_login(User.objects.create_user("sam", is_staff=True))

    assert client.get(LIST).status_code == 403
