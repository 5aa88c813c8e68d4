"""`webhook.endpoint.*`: each by what really happens, once, with data that its schema accepts (S40)."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import delete_endpoint, disable_endpoint, enable_endpoint, update_endpoint
from deliveries.engine.statements import statements
from deliveries.models import Delivery, Lane, ReplayKind
from deliveries.replay_matches import matching_events
from events.emit import emit
from events.event_types import sync_event_catalog
from events.models import Event, EventType
from switera_webhooks.times import iso
from tests.factories import ACTOR, URL, make_app, make_delivery, make_endpoint, make_event, make_organization
from webhooks.audit import SYSTEM
from webhooks.models import App, DisabledReason
from webhooks.secrets import rotate_secret

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _catalog() -> None:
    sync_event_catalog()


@pytest.fixture
def app() -> App:
    return make_app().app


def told() -> list[tuple[str, Any]]:
    """What was emitted, oldest first; forgotten then."""
    events = Event.objects.filter(type__startswith="webhook.").order_by("id")
    found = [(event.type, event.data) for event in events]
    events.delete()
    return found


def test_an_endpoint_that_is_made_changed_enabled_and_deleted_is_told_each_time(app: App) -> None:
    endpoint = make_endpoint(app, name="Order sync", event_types=["order.*"])
    about = {"endpoint_id": endpoint.public_id, "name": "Order sync", "url_host": "192.0.78.1"}
    assert told() == [
        ("webhook.endpoint.created", {**about, "event_types": ["order.*"], "environment": "live"}),
    ]

    changes = {
        "description": "x",
        "event_types": ["*"],
        "organization": make_organization(app),
        "headers": {"x-a": "b"},
    }
    update_endpoint(endpoint, {**changes, "name": "Order sync"}, ACTOR)
    [(type, data)] = told()
    assert type == "webhook.endpoint.updated"
    assert sorted(data.pop("changed_fields")) == ["description", "event_types", "headers", "organization_id"]
    assert data == {"endpoint_id": endpoint.public_id, "url_host": "192.0.78.1"}

    update_endpoint(endpoint, {"description": "x"}, ACTOR)
    assert told() == []

    rotate_secret(endpoint, 0, ACTOR)
    assert [(type, data["changed_fields"]) for type, data in told()] == [("webhook.endpoint.updated", ["secret"])]

    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    assert told() == [
        (
            "webhook.endpoint.disabled",
            {**about, "reason": "manual", "failing_since": None, "failed_deliveries": 0},
        )
    ]

    enable_endpoint(endpoint, ACTOR)
    enable_endpoint(endpoint, ACTOR)
    assert [(type, data["changed_fields"]) for type, data in told()] == [("webhook.endpoint.updated", ["enabled"])]

    delete_endpoint(endpoint, ACTOR)
    assert told() == [("webhook.endpoint.deleted", about)]


@pytest.mark.parametrize("reason", [DisabledReason.GONE, DisabledReason.SUSTAINED_FAILURE])
def test_one_that_is_disabled_by_its_failures_tells_since_when_and_how_many(app: App, reason: DisabledReason) -> None:
    endpoint, other = make_endpoint(app), make_endpoint(app)
    since = timezone.now() - dt.timedelta(days=5)
    Lane.objects.filter(pk=endpoint.pk).update(failing_since=since)
    for number, failed_at in enumerate([since, timezone.now(), since - dt.timedelta(seconds=1), None]):
        make_delivery(make_event(app, data={"n": number}), endpoint, "failed", failed_at=failed_at)
    make_delivery(make_event(app), other, "failed", failed_at=timezone.now())
    told()

    disable_endpoint(endpoint, reason, SYSTEM)

    [(type, data)] = told()
    assert type == "webhook.endpoint.disabled"
    assert (data["reason"], data["failing_since"], data["failed_deliveries"]) == (reason.value, iso(since), 2)


@pytest.mark.parametrize("environment", ["live", "test"])
def test_the_event_is_of_the_endpoints_own_environment_and_organization(app: App, environment: str) -> None:
    """Live and test never mix, whoever made the change."""
    organization = make_organization(app)

    endpoint = make_endpoint(app, environment=environment, organization=organization)

    event = Event.objects.get(type="webhook.endpoint.created")
    assert (event.environment, event.organization) == (environment, organization)
    assert (event.about_endpoint_id, event.app) == (endpoint.pk, app)


def test_a_secret_in_the_path_of_a_url_is_not_told(app: App) -> None:
    make_endpoint(app, url=f"{URL}/T0P53CR3T?token=s3cr3t")

    [event] = Event.objects.filter(type="webhook.endpoint.created")
    assert "cr3t" not in event.payload.lower()


def test_webhook_events_are_opt_in_and_never_go_to_the_endpoint_they_tell_of(app: App) -> None:
    """S40, of the fan-out of this database."""
    everything = make_endpoint(app, event_types=["*"])
    watcher, itself = make_endpoint(app, event_types=["webhook.*"]), make_endpoint(app, event_types=["*", "webhook.*"])
    exact = make_endpoint(app, event_types=["webhook.endpoint.updated"])
    in_test = make_endpoint(app, environment="test", event_types=["webhook.*"])
    Event.objects.all().delete()

    update_endpoint(itself, {"name": "Renamed"}, ACTOR)
    statements().fan_out(10)

    assert set(Delivery.objects.values_list("endpoint", flat=True)) == {watcher.pk, exact.pk}
    assert not Delivery.objects.filter(endpoint__in=[everything, itself, in_test]).exists()


def test_an_event_that_the_platform_emits_about_an_endpoint_is_not_sent_to_it_either(app: App) -> None:
    """S40: `emit` reads from the data which endpoint it is about."""
    itself, watcher = (make_endpoint(app, event_types=["webhook.*"]) for _ in range(2))
    Event.objects.all().delete()
    data = {"endpoint_id": itself.public_id, "changed_fields": ["url"], "url_host": "a.example"}

    emit(app, "webhook.endpoint.updated", data)
    statements().fan_out(10)

    assert list(Delivery.objects.values_list("endpoint", flat=True)) == [watcher.pk]


def test_a_replay_leaves_out_what_tells_of_the_endpoint_itself(app: App) -> None:
    """S40."""
    itself, other = (make_endpoint(app, event_types=["*", "webhook.*"]) for _ in range(2))
    Event.objects.all().delete()
    update_endpoint(itself, {"name": "A"}, ACTOR)
    update_endpoint(other, {"name": "B"}, ACTOR)
    Event.objects.update(dispatched_at=timezone.now())

    for kind in (ReplayKind.MISSING, ReplayKind.ALL):
        found = matching_events(itself, kind, DeliveryFilter(endpoint_id=itself.pk))
        assert [event.about_endpoint_id for event in found] == [other.pk]


def test_a_change_stands_where_the_catalog_lacks_the_type(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """`manage.py sync_event_catalog` was forgotten."""
    EventType.objects.filter(app=None).delete()

    endpoint = make_endpoint(app)

    assert endpoint.pk is not None
    assert told() == []
    assert "webhook.endpoint.created of app_" in caplog.text
