"""Deliveries on the admin site: found by any id and filter, retried and canceled."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.delivery_actions import cancel_delivery
from deliveries.endpoints import delete_endpoint, disable_endpoint
from deliveries.models import Attempt, Delivery, DeliveryStatus
from switera_webhooks.admin import lists
from switera_webhooks.environments import Environment
from tests.admin.conftest import Staff, act, ids
from tests.factories import ACTOR, make_app, make_attempt, make_delivery, make_endpoint, make_event
from webhooks.models import App, AuditEntry, DisabledReason, Endpoint

pytestmark = pytest.mark.django_db
LIST = "/admin/deliveries/delivery/"
ATTEMPTS = "/admin/deliveries/attempt/"
EVENTS = "/admin/events/event/"


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app)


@pytest.fixture
def make(app: App, endpoint: Endpoint) -> Callable[..., Delivery]:
    """`make(status, **columns)`: a delivery of an event of its own."""
    return lambda status=DeliveryStatus.PENDING, **columns: make_delivery(make_event(app), endpoint, status, **columns)


@pytest.fixture
def operator(staff: Staff) -> Client:
    return staff("view_delivery", "change_delivery")


def test_any_id_finds_the_deliveries_it_belongs_to(app: App, superuser: Client) -> None:
    mine, other = make_endpoint(app), make_endpoint(app)
    event = make_event(app)
    first, second = make_delivery(event, mine), make_delivery(event, other)
    attempt = make_attempt(first)
    foreign = make_app("Other").app
    third = make_delivery(make_event(foreign), make_endpoint(foreign))
    tested = make_delivery(
        make_event(app, environment=Environment.TEST), make_endpoint(app, environment=Environment.TEST)
    )
    expected: list[tuple[Any, list[Delivery]]] = [
        (first, [first]),
        (event, [second, first]),
        (attempt, [first]),
        (mine, [first]),
        (foreign, [third]),
        (app, [tested, second, first]),
    ]

    for row, found in expected:
        public_ids = [delivery.public_id for delivery in found]
        without_prefix = row.public_id.partition("_")[2]
        for term in (row.public_id, without_prefix, str(row.pk), row.pk.hex, f" {row.public_id} "):
            assert ids(superuser, LIST, q=term) == public_ids, term
    assert ids(superuser, LIST, q="order.paid") == [row.public_id for row in (tested, third, second, first)]
    for term in ("nobody", "org_" + without_prefix, "dlv_01m84w1vmvver3skjvqwnncx601", str(ACTOR)):
        assert ids(superuser, LIST, q=term) == []


def test_attempts_and_events_are_found_by_the_ids_beside_them(app: App, endpoint: Endpoint, superuser: Client) -> None:
    event = make_event(app)
    delivery = make_delivery(event, endpoint)
    attempts = [make_attempt(delivery, number) for number in (1, 2)]
    make_attempt(make_delivery(make_event(app), endpoint))
    newest_first = [attempts[1].public_id, attempts[0].public_id]

    assert ids(superuser, ATTEMPTS, q=delivery.public_id) == newest_first
    assert ids(superuser, ATTEMPTS, q=event.public_id) == newest_first
    assert ids(superuser, ATTEMPTS, q=str(attempts[0].pk)) == [attempts[0].public_id]
    for row in (event, delivery, attempts[0]):
        assert ids(superuser, EVENTS, q=row.public_id) == [event.public_id]


def test_the_filters_answer_an_operators_question(
    app: App, endpoint: Endpoint, superuser: Client, make: Callable[..., Delivery]
) -> None:
    past = timezone.now() - dt.timedelta(minutes=1)
    disabled = make_endpoint(app)
    disable_endpoint(disabled, DisabledReason.MANUAL, ACTOR)
    waiting = make().public_id
    retrying = make(attempt_count=2).public_id
    held = make_delivery(make_event(app), disabled).public_id
    sending = make(DeliveryStatus.SENDING).public_id
    late = make(DeliveryStatus.SENDING, leased_until=past).public_id
    blocked = make(DeliveryStatus.FAILED, error_code="blocked_address").public_id
    tested = make(DeliveryStatus.SUCCEEDED, test=True).public_id
    canceled = make(DeliveryStatus.CANCELED).public_id

    assert ids(superuser, LIST, status="pending") == [held, retrying, waiting]
    assert ids(superuser, LIST, status="retrying") == [retrying]
    assert ids(superuser, LIST, status="held") == [held]
    assert ids(superuser, LIST, status="sending") == [late, sending]
    assert ids(superuser, LIST, status="late") == [late]
    assert ids(superuser, LIST, status="failed") == [blocked]
    assert ids(superuser, LIST, status="succeeded") == [tested]
    assert ids(superuser, LIST, status="canceled") == [canceled]
    assert ids(superuser, LIST, error="blocked_address") == [blocked]
    assert ids(superuser, LIST, error="timeout") == []
    assert ids(superuser, LIST, test="yes") == [tested]
    assert ids(superuser, LIST, test="no", status="succeeded") == []
    assert ids(superuser, LIST, environment="test") == []
    assert ids(superuser, LIST, status="pending", q=disabled.public_id) == [held]
    assert len(ids(superuser, LIST)) == len(ids(superuser, LIST, status="nonsense")) == 8


def test_attempts_are_filtered_by_result_error_and_answer(superuser: Client, make: Callable[..., Delivery]) -> None:
    delivery = make()
    refused = make_attempt(delivery, 1).public_id
    lost = make_attempt(delivery, 2, error_code="timeout", response_status=None).public_id
    well = make_attempt(delivery, 3, status="succeeded", error_code="", error="", response_status=204).public_id

    assert ids(superuser, ATTEMPTS, result="failed") == [lost, refused]
    assert ids(superuser, ATTEMPTS, result="succeeded") == [well]
    assert ids(superuser, ATTEMPTS, error="timeout") == ids(superuser, ATTEMPTS, response="none") == [lost]
    assert ids(superuser, ATTEMPTS, response="5") == [refused]
    assert ids(superuser, ATTEMPTS, response="2") == [well]


def test_an_object_leads_to_all_that_belongs_to_it(app: App, endpoint: Endpoint, superuser: Client) -> None:
    event = make_event(app)
    delivery = make_delivery(event, endpoint)
    attempt = make_attempt(delivery)

    def page(model: str, key: object) -> str:
        return f"/admin/{model}/{key}/change/"

    links = {
        page("deliveries/delivery", delivery.pk): [
            page("events/event", event.pk),
            page("deliveries/attempt", attempt.pk),
            page("webhooks/endpoint", endpoint.pk),
            page("webhooks/app", app.pk),
            f"/apps/{app.slug}/webhooks/deliveries/{delivery.public_id}/",
        ],
        page("events/event", event.pk): [
            page("deliveries/delivery", delivery.pk),
            page("webhooks/endpoint", endpoint.pk),
            page("webhooks/app", app.pk),
            f"{LIST}?q={event.public_id}",
        ],
        page("deliveries/attempt", attempt.pk): [
            page("deliveries/delivery", delivery.pk),
            page("events/event", event.pk),
            page("webhooks/endpoint", endpoint.pk),
        ],
        page("webhooks/endpoint", endpoint.pk): [
            page("webhooks/app", app.pk),
            page("deliveries/lane", endpoint.pk),
            f"{LIST}?q={endpoint.public_id}",
            f"/apps/{app.slug}/webhooks/endpoints/{endpoint.public_id}/",
        ],
        page("deliveries/lane", endpoint.pk): [page("webhooks/endpoint", endpoint.pk), page("webhooks/app", app.pk)],
        page("webhooks/app", app.pk): [
            f"{LIST}?q={app.public_id}",
            f"/admin/webhooks/endpoint/?q={app.public_id}",
            f"/apps/{app.slug}/webhooks/",
        ],
    }
    for path, expected in links.items():
        html = superuser.get(path).content.decode()
        assert [url for url in expected if f'href="{url}"' not in html] == [], path


def test_retrying_tells_how_many_and_why_the_others_were_not(
    app: App, operator: Client, make: Callable[..., Delivery]
) -> None:
    failed, also_failed = make(DeliveryStatus.FAILED), make(DeliveryStatus.FAILED)
    sending = make(DeliveryStatus.SENDING)
    left = make(DeliveryStatus.FAILED)
    AuditEntry.objects.all().delete()

    message = act(operator, LIST, "retry", failed.pk, also_failed.pk, sending.pk)

    assert message == "2 retried, 1 could not be: This delivery is being sent: wait until it ends."
    states = dict(Delivery.objects.values_list("pk", "status"))
    assert states == {failed.pk: "pending", also_failed.pk: "pending", sending.pk: "sending", left.pk: "failed"}
    entries = AuditEntry.objects.order_by("target_id")
    assert [(e.action, e.target_id, e.actor_type, e.actor_name, e.ip) for e in entries] == [
        ("delivery.retried", row.public_id, "builder", "olga", "192.0.2.7") for row in (failed, also_failed)
    ]


def test_canceling_touches_what_is_pending_alone(operator: Client, make: Callable[..., Delivery]) -> None:
    pending, failed, succeeded = make(), make(DeliveryStatus.FAILED), make(DeliveryStatus.SUCCEEDED)
    AuditEntry.objects.all().delete()

    message = act(operator, LIST, "cancel", pending.pk, failed.pk, succeeded.pk)

    assert message == "1 canceled, 2 could not be: Only a pending delivery can be canceled."
    assert set(Delivery.objects.values_list("status", flat=True)) == {"canceled", "failed", "succeeded"}
    assert AuditEntry.objects.get().target_id == pending.public_id


def test_each_reason_is_told_with_its_number(app: App, operator: Client, make: Callable[..., Delivery]) -> None:
    gone = make_endpoint(app)
    rows = [make_delivery(make_event(app), gone, DeliveryStatus.FAILED) for _ in range(2)]
    delete_endpoint(gone, ACTOR)
    sending = make(DeliveryStatus.SENDING)

    message = act(operator, LIST, "retry", sending.pk, *(row.pk for row in rows))

    assert message == (
        "0 retried, 3 could not be: 2: The endpoint of this delivery is deleted: it cannot be retried. "
        "1: This delivery is being sent: wait until it ends."
    )


def test_a_row_that_left_the_list_meanwhile_is_told(operator: Client, make: Callable[..., Delivery]) -> None:
    first, second = make(), make()
    cancel_delivery(second, ACTOR)
    AuditEntry.objects.all().delete()

    message = act(operator, f"{LIST}?status=pending", "cancel", first.pk, second.pk)

    assert message == "1 canceled, 1 could not be: It is not in this list any more: its state has changed."
    assert AuditEntry.objects.count() == 1


def test_s37_who_may_look_may_not_retry(staff: Staff, make: Callable[..., Delivery]) -> None:
    delivery = make(DeliveryStatus.FAILED)
    AuditEntry.objects.all().delete()
    viewer = staff("view_delivery")

    html = viewer.get(LIST).content.decode()
    message = act(viewer, LIST, "retry", delivery.pk)

    assert 'name="action"' not in html
    assert message == ""
    assert (Delivery.objects.get().status, AuditEntry.objects.count()) == ("failed", 0)


def test_more_than_an_action_takes_is_refused_whole_and_a_replay_named(
    operator: Client, make: Callable[..., Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ROWS_AT_MOST", 2)
    for _ in range(3):
        make(DeliveryStatus.FAILED)
    AuditEntry.objects.all().delete()

    message = act(operator, f"{LIST}?status=failed", "retry", Delivery.objects.all()[0].pk, select_across="1")

    assert message.startswith("Nothing was done: an action takes 2 rows at most. For more use a replay")
    assert set(Delivery.objects.values_list("status", flat=True)) == {"failed"}
    assert AuditEntry.objects.count() == 0


def test_all_of_a_list_are_retried_where_an_action_takes_so_many(
    operator: Client, make: Callable[..., Delivery]
) -> None:
    for status in (DeliveryStatus.FAILED, DeliveryStatus.FAILED, DeliveryStatus.CANCELED):
        make(status)

    message = act(operator, f"{LIST}?status=failed", "retry", Delivery.objects.all()[0].pk, select_across="1")

    assert message == "2 retried."
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["canceled", "pending", "pending"]


def test_the_payload_is_there_and_closed(app: App, superuser: Client, make: Callable[..., Delivery]) -> None:
    delivery = make()

    html = superuser.get(f"{LIST}{delivery.pk}/change/").content.decode()

    assert html.count('<details class="long-text"><summary>Payload, ') == 1
    assert "&quot;order_id&quot;: &quot;ord_1&quot;" in html


def test_a_delivery_shows_its_newest_attempts_and_links_to_all(
    superuser: Client, make: Callable[..., Delivery]
) -> None:
    delivery = make()
    for number in range(1, 24):
        make_attempt(delivery, number)

    html = superuser.get(f"{LIST}{delivery.pk}/change/").content.decode()

    assert html.count('href="/admin/deliveries/attempt/0') == 20
    assert Attempt.objects.count() == 23
