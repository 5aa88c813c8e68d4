"""Starting a replay: what is refused, what it reaches (S33), what is on record (S46)."""

import uuid
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone
from pytest_django import Settings

from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import delete_endpoint
from deliveries.models import Delivery, Lane, Replay, ReplayKind
from deliveries.replays import cancel_replay, count_matching
from switera_webhooks.refusals import Conflict, InvalidInput, LimitReached, Refusal
from tests.deliveries.engine.rows import make_app, make_endpoint, make_events
from tests.deliveries.replaying import make_failed, outcome, pending, start, undelivered, work
from tests.factories import ACTOR, make_delivery
from webhooks.models import App, AuditEntry, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def endpoint(app: App) -> Endpoint:
    return make_endpoint(app)


def _rows() -> list[object]:
    models: tuple[type[Model], ...] = (Delivery, Lane, Replay, AuditEntry)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


# Refusals ------------------------------------------------------------------------------------------


def test_more_than_the_maximum_is_refused_and_nothing_changes(app: App, endpoint: Endpoint, settings: Settings) -> None:
    """S39."""
    settings.WEBHOOKS_REPLAY_MAX = 2
    make_failed(endpoint, 3)
    undelivered(app, 3)
    before = _rows()
    cases: list[tuple[ReplayKind, dict[str, Any]]] = [
        (ReplayKind.FAILED, {}),
        (ReplayKind.MISSING, {"endpoint_id": endpoint.pk}),
        (ReplayKind.ALL, {"endpoint_id": endpoint.pk}),
    ]
    for kind, filters in cases:
        assert count_matching(app, "live", kind, DeliveryFilter(**filters)) == 3
        with pytest.raises(LimitReached) as refused:
            start(app, kind, **filters)
        assert (refused.value.code, refused.value.retry_after) == ("replay_too_large", 60)
        assert refused.value.message.startswith("More than 2 deliveries match, the most for one replay: narrow")
    work()
    assert _rows() == before
    settings.WEBHOOKS_REPLAY_MAX = 3
    assert start(app).count == 3
    settings.WEBHOOKS_REPLAY_MAX = 0
    assert start(app, ReplayKind.ALL, endpoint_id=endpoint.pk).count == 6


def test_what_makes_no_sense_is_refused_and_nothing_changes(app: App, endpoint: Endpoint) -> None:
    """S33: an endpoint of another app or environment is like one that is not there."""
    make_failed(endpoint)
    foreign, in_test = make_endpoint(make_app()), make_endpoint(app, environment="test")
    deleted = make_endpoint(app)
    delete_endpoint(deleted, ACTOR)
    now = timezone.now()
    missing = "There is no such endpoint in this app and environment."
    cases: list[tuple[ReplayKind, dict[str, Any], type[Refusal], str]] = [
        (ReplayKind.MISSING, {}, InvalidInput, "Name the endpoint: the kind missing is about one."),
        (ReplayKind.ALL, {}, InvalidInput, "Name the endpoint: the kind all is about one."),
        (ReplayKind.FAILED, {"endpoint_id": foreign.pk}, InvalidInput, missing),
        (ReplayKind.FAILED, {"endpoint_id": in_test.pk}, InvalidInput, missing),
        (ReplayKind.FAILED, {"endpoint_id": uuid.uuid4()}, InvalidInput, missing),
        (ReplayKind.FAILED, {"after": now, "before": now}, InvalidInput, "before must be later than after."),
        (
            ReplayKind.FAILED,
            {"status": "succeeded"},
            InvalidInput,
            "A replay of this kind is of failed deliveries alone.",
        ),
        (
            ReplayKind.ALL,
            {"endpoint_id": endpoint.pk, "error_code": "timeout"},
            InvalidInput,
            "The kind all goes by endpoint, event type and time alone.",
        ),
        (
            ReplayKind.FAILED,
            {"endpoint_id": deleted.pk},
            Conflict,
            "This endpoint is deleted: nothing can be sent to it any more.",
        ),
    ]
    before = _rows()
    for kind, filters, refusal, sentence in cases:
        with pytest.raises(refusal) as refused:
            start(app, kind, **filters)
        assert refused.value.message == sentence
        with pytest.raises(refusal):
            count_matching(app, "live", kind, DeliveryFilter(**filters))
    assert _rows() == before


def test_another_apps_and_environments_deliveries_stay_as_they_are(app: App, endpoint: Endpoint) -> None:
    """S33."""
    rival = make_app()
    theirs = make_failed(make_endpoint(rival))
    in_test = make_failed(make_endpoint(app, environment="test"))
    mine = make_failed(endpoint)
    undelivered(rival)
    undelivered(app, environment="test")
    cases: list[tuple[ReplayKind, dict[str, Any]]] = [
        (ReplayKind.FAILED, {}),
        (ReplayKind.ALL, {"endpoint_id": endpoint.pk}),
    ]
    for kind, filters in cases:
        replay = start(app, kind, **filters)
        work()
        assert (replay.count, pending()) == (1, mine)
        Delivery.objects.filter(status="pending").update(status="failed", due_at=None)
    replay = start(app, environment="test")
    work()
    assert (replay.count, pending()) == (1, in_test)
    assert Delivery.objects.get(pk=theirs[0].pk).status == "failed"


# Audit ---------------------------------------------------------------------------------------------


def test_starting_and_canceling_are_on_record_once_with_their_actor(app: App, endpoint: Endpoint) -> None:
    """S46."""
    make_failed(endpoint, 2)
    replay = start(app, endpoint_id=endpoint.pk, error_code="http_status")
    start(app, endpoint_id=endpoint.pk, error_code="http_status")
    cancel_replay(replay, ACTOR)
    with pytest.raises(Conflict):
        cancel_replay(replay, ACTOR)
    entries = AuditEntry.objects.filter(target_type="replay").order_by("pk")
    shared = {"app_id": app.pk, "actor_name": "manage.py test", "target_id": replay.public_id, "target_name": "failed"}
    assert list(entries.values("action", *shared)) == [
        {"action": "replay.started", **shared},
        {"action": "replay.canceled", **shared},
    ]
    assert [entry.changes for entry in entries] == [
        {
            "kind": "failed",
            "count": 2,
            "status": "failed",
            "endpoint_id": endpoint.public_id,
            "error_code": "http_status",
            "before": replay.filters["before"],
        },
        {"count": 2, "progress": 0},
    ]


def test_one_that_finds_nothing_has_ended_at_once_and_is_on_record(app: App, endpoint: Endpoint) -> None:
    make_delivery(make_events(app)[0], endpoint)
    assert outcome(start(app)) == ("completed", 0, 0, 0, 0)
    assert AuditEntry.objects.filter(action="replay.started").count() == 1
