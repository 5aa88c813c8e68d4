"""An endpoint of one organization receives only its events: fanned out, tried again, replayed, sent as a test."""

import json
import uuid

import pytest

from deliveries.delivery_actions import retry_delivery
from deliveries.delivery_filter import DeliveryFilter, deliveries_of
from deliveries.endpoints import update_endpoint
from deliveries.engine.statements import statements
from deliveries.models import Delivery, ReplayKind
from deliveries.replays import start_replay
from deliveries.test_send import send_test
from events.event_types import sync_event_catalog
from events.models import Event
from switera_webhooks.refusals import Conflict
from tests.deliveries.engine.rows import lane_of
from tests.factories import ACTOR, make_app, make_delivery, make_endpoint, make_event, make_organization
from tests.organizations import make_invitation
from webhooks.models import App, AuditEntry, Organization
from webhooks.organizations.organization import delete_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    sync_event_catalog()
    return make_app().app


@pytest.fixture
def mine(app: App) -> Organization:
    return make_organization(app, "Acme")


@pytest.fixture
def other(app: App) -> Organization:
    return make_organization(app, "Globex")


def fanned_out() -> set[tuple[uuid.UUID, str]]:
    """(endpoint, event type) of all deliveries, once all events are fanned out."""
    statements().fan_out(100)
    return set(Delivery.objects.values_list("endpoint_id", "event_type"))


def test_what_happens_to_an_organization_reaches_its_endpoint_and_those_of_all(
    app: App, mine: Organization, other: Organization
) -> None:
    of_all, of_mine, of_other = (make_endpoint(app, organization=each) for each in (None, mine, other))
    make_invitation(mine)
    make_event(app)

    assert fanned_out() == {
        (of_mine.pk, "organization.invitation.created"),
        (of_all.pk, "organization.invitation.created"),
        (of_all.pk, "order.paid"),
    }
    assert of_other.pk not in {endpoint for endpoint, _ in fanned_out()}


def test_the_last_event_of_a_deleted_organization_reaches_endpoints_of_all_alone(
    app: App, mine: Organization, other: Organization
) -> None:
    """Deleted before its events are fanned out, they are still of it, and nobody else's."""
    of_all, of_other = (make_endpoint(app, organization=each) for each in (None, other))
    public_id = mine.public_id
    make_invitation(mine)
    delete_organization(mine, ACTOR)

    assert fanned_out() == {
        (of_all.pk, "organization.invitation.created"),
        (of_all.pk, "organization.deleted"),
    }
    assert of_other.pk not in {endpoint for endpoint, _ in fanned_out()}
    told = Event.objects.filter(type__startswith="organization.").values_list("payload", flat=True)
    assert [json.loads(payload)["organization_id"] for payload in told] == [public_id] * 2


def test_an_endpoint_given_to_an_organization_loses_what_waits_of_others(
    app: App, mine: Organization, other: Organization
) -> None:
    """Held while it was disabled, say, and let go afterwards."""
    endpoint = make_endpoint(app, enabled=False)
    waiting = {
        name: make_delivery(make_event(app, organization_id=organization and organization.pk), endpoint)
        for name, organization in (("mine", mine), ("other", other), ("none", None))
    }
    seq = lane_of(endpoint).seq

    update_endpoint(endpoint, {"organization": mine}, ACTOR)

    states = {name: Delivery.objects.get(pk=delivery.pk).status for name, delivery in waiting.items()}
    assert states == {"mine": "pending", "other": "canceled", "none": "canceled"}
    assert lane_of(endpoint).seq > seq
    changes = AuditEntry.objects.get(action="endpoint.updated").changes
    assert changes == {"organization": ["", "Acme"], "canceled": 2}


def test_an_endpoint_given_back_to_all_loses_nothing(app: App, mine: Organization) -> None:
    endpoint = make_endpoint(app, organization=mine)
    delivery = make_delivery(make_event(app, organization_id=mine.pk), endpoint)

    update_endpoint(endpoint, {"organization": None}, ACTOR)

    delivery.refresh_from_db()
    assert delivery.status == "pending"
    assert AuditEntry.objects.get(action="endpoint.updated").changes == {"organization": ["Acme", ""]}


def test_what_it_received_before_is_not_tried_again(app: App, mine: Organization, other: Organization) -> None:
    endpoint, elsewhere = make_endpoint(app), make_endpoint(app)
    of_mine, of_other = (make_event(app, organization_id=each.pk) for each in (mine, other))
    kept, lost = (make_delivery(event, endpoint, "failed") for event in (of_mine, of_other))
    make_delivery(of_other, elsewhere, "failed")
    update_endpoint(endpoint, {"organization": mine}, ACTOR)

    with pytest.raises(Conflict) as refused:
        retry_delivery(lost, ACTOR)

    assert refused.value.code == "other_organization"
    lost.refresh_from_db()
    assert lost.status == "failed"
    assert not AuditEntry.objects.filter(action="delivery.retried").exists()
    assert retry_delivery(kept, ACTOR).status == "pending"


@pytest.mark.parametrize(("kind", "count"), [(ReplayKind.FAILED, 1), (ReplayKind.ALL, 1), (ReplayKind.MISSING, 0)])
def test_a_replay_to_it_repeats_its_own_events_alone(
    app: App, mine: Organization, other: Organization, kind: ReplayKind, count: int
) -> None:
    endpoint = make_endpoint(app)
    for organization in (mine, other):
        make_delivery(make_event(app, organization_id=organization.pk), endpoint, "failed")
    make_delivery(make_event(app), endpoint, "failed")
    update_endpoint(endpoint, {"organization": mine}, ACTOR)

    replay = start_replay(app, "live", kind, DeliveryFilter(endpoint_id=endpoint.pk), ACTOR)

    assert replay.count == count


def test_a_replay_of_all_endpoints_leaves_out_what_is_not_theirs(
    app: App, mine: Organization, other: Organization
) -> None:
    of_mine, of_all = make_endpoint(app), make_endpoint(app)
    event = make_event(app, organization_id=other.pk)
    for endpoint in (of_mine, of_all):
        make_delivery(event, endpoint, "failed")
    update_endpoint(of_mine, {"organization": mine}, ACTOR)

    assert start_replay(app, "live", ReplayKind.FAILED, DeliveryFilter(), ACTOR).count == 1


def test_a_test_send_is_of_its_organization(app: App, mine: Organization, other: Organization) -> None:
    of_mine, of_all = make_endpoint(app, organization=mine), make_endpoint(app)

    sent = [send_test(endpoint, "webhook.test", ACTOR) for endpoint in (of_mine, of_all)]

    told = [json.loads(delivery.event.payload)["organization_id"] for delivery in sent]
    assert told == [mine.public_id, None]
    assert fanned_out() == {(of_mine.pk, "webhook.test"), (of_all.pk, "webhook.test")}
    of_organization = DeliveryFilter(organization_id=mine.pk)
    assert [found.pk for found in deliveries_of(app.pk, "live", of_organization)] == [sent[0].pk]
