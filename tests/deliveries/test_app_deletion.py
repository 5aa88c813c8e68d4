"""S32: an app that is deleted is gone at once; its endpoints hear of it, and then all that is its own goes."""

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from deliveries import app_deletion, tasks
from deliveries.app_deletion import delete_app, deletions_wait, work_on_deletions
from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import disable_endpoint
from deliveries.engine.recording import record
from deliveries.engine.results import result_of, unsent
from deliveries.engine.statements import statements
from deliveries.models import (
    AppDeletion,
    AppTally,
    Attempt,
    Delivery,
    EndpointTally,
    FailureTally,
    Lane,
    Replay,
    ReplayKind,
)
from deliveries.replays import start_replay
from events.emit import emit
from events.event_types import sync_event_catalog
from events.models import Event
from switera_webhooks.celery import DELETE_TASK
from switera_webhooks.refusals import Conflict
from tests.factories import (
    ACTOR,
    make_app,
    make_attempt,
    make_delivery,
    make_endpoint,
    make_event,
    make_event_type,
    make_organization,
)
from tests.organizations import make_domain, make_invitation, make_member
from webhooks.api_keys import find_api_key
from webhooks.app_setup import CreatedApp, create_app, find_app
from webhooks.audit import Actor
from webhooks.members import add_member
from webhooks.models import (
    App,
    AuditEntry,
    DisabledReason,
    Endpoint,
    EndpointSecret,
    Invitation,
    Membership,
    Organization,
    OrganizationDomain,
    OrganizationMember,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_deletion, "REST_SHARE", 0.0)
    sync_event_catalog()


@pytest.fixture
def made() -> CreatedApp:
    return make_app()


@pytest.fixture
def owner(made: CreatedApp) -> Actor:
    user = User.objects.create(username="ada@acme.example")
    add_member(made.app, user, "owner", ACTOR)
    return Actor.of_user(user, None)


def fill(app: App) -> None:
    """Some rows of every kind."""
    endpoint = make_endpoint(app, headers={"x-key": "v"})
    make_event_type(app, "order.sized")
    make_organization(app)
    for status in ("pending", "succeeded", "failed", "canceled"):
        delivery = make_delivery(make_event(app), endpoint, status)
        make_attempt(delivery)
    emit(app, "order.paid", {}, environment="test")
    start_replay(app, "live", ReplayKind.FAILED, DeliveryFilter(endpoint_id=endpoint.pk), ACTOR)
    moment = timezone.now()
    AppTally.objects.create(app=app, environment="live", start=moment, slice=0)
    EndpointTally.objects.create(endpoint=endpoint, start=moment, slice=0)


def after_the_minute() -> None:
    AppDeletion.objects.update(endpoints_go_at=timezone.now() - dt.timedelta(seconds=1))


def rows_of(app: App) -> dict[str, int]:
    """How many rows of each table lead to the app."""
    found = {}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey):
                path = {App: field.name, Endpoint: f"{field.name}__app", Delivery: f"{field.name}__app_id"}
                if field.related_model in path:
                    number = model._default_manager.filter(**{path[field.related_model]: app.pk}).count()
                    if number:
                        found[f"{model.__name__}.{field.name}"] = number
    return found


def told() -> list[tuple[str, Any]]:
    return [(e.environment, e.data) for e in Event.objects.filter(type="app.deleted").order_by("environment")]


def test_nobody_finds_the_app_from_then_on_and_its_keys_stop(made: CreatedApp, owner: Actor) -> None:
    deletion = delete_app(made.app, owner)

    assert find_app(made.app.public_id) is find_app("shop") is None
    assert find_api_key(made.live_key) is find_api_key(made.test_key) is None
    made.app.refresh_from_db()
    assert made.app.deleting_since == deletion.started_at
    assert AuditEntry.objects.filter(action="app.deleted", actor_name="ada@acme.example").count() == 1
    with pytest.raises(Conflict, match="being deleted"):
        delete_app(made.app, owner)
    with pytest.raises(Conflict, match="nothing is emitted"):
        emit(made.app, "order.paid", {})
    assert AppDeletion.objects.count() == 1
    with pytest.raises(Conflict, match="slug"):
        create_app("Shop", slug="shop", actor=ACTOR)  # not free yet


def test_each_enabled_endpoint_that_listens_gets_one_attempt_before_anything_else(
    made: CreatedApp, owner: Actor
) -> None:
    app = made.app
    listening = make_endpoint(app, event_types=["*"])
    in_test = make_endpoint(app, environment="test", event_types=["app.deleted"])
    make_endpoint(app, event_types=["order.*"])
    make_endpoint(app, event_types=["*"], organization=make_organization(app))
    disabled = make_endpoint(app, event_types=["*"])
    disable_endpoint(disabled, DisabledReason.MANUAL, ACTOR)
    make_event(app)
    statements().fan_out(100)

    deletion = delete_app(app, owner)

    assert deletion.endpoints_go_at - deletion.started_at == dt.timedelta(seconds=60)
    data = {"id": app.public_id, "name": "Shop", "slug": "shop"}
    assert [(environment, {**d, "deleted_at": ""}) for environment, d in told()] == [
        (environment, {**data, "deleted_at": ""}) for environment in ("live", "test")
    ]
    last = Delivery.objects.filter(event_type="app.deleted")
    assert set(last.values_list("endpoint", "environment")) == {(listening.pk, "live"), (in_test.pk, "test")}
    claimed = statements().claim(100, 25, of_one=1)
    first_of = {claim.endpoint_id: claim.event_type for claim in claimed}
    assert (first_of[listening.pk], first_of[in_test.pk]) == ("app.deleted", "app.deleted")

    record([result_of(c, unsent(c, "no")) for c in claimed if c.event_type == "app.deleted"])

    assert set(last.values_list("status", "attempt_count")) == {("failed", 1)}
    assert not Event.objects.filter(type="webhook.delivery.failed").exists()
    assert statements().fan_out(100) == 0


def test_nothing_goes_within_the_minute_that_endpoints_have(made: CreatedApp, owner: Actor) -> None:
    make_endpoint(made.app)
    delete_app(made.app, owner)
    before = rows_of(made.app)

    assert deletions_wait() is False
    assert work_on_deletions(lambda: False) is False

    assert rows_of(made.app) == before
    assert EndpointSecret.objects.count() == 1


def test_afterwards_all_that_is_the_apps_own_goes_and_nothing_else(
    made: CreatedApp, owner: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    fill(made.app)
    other = make_app("Other").app
    fill(other)
    kept = rows_of(other)
    built_in = Event.objects.filter(app=other).count()
    delete_app(made.app, owner)
    after_the_minute()

    assert work_on_deletions(lambda: False) is False

    assert not App.objects.filter(pk=made.app.pk).exists()
    assert rows_of(made.app) == {}
    assert Attempt.objects.count() == 4
    assert rows_of(other) == kept
    assert Event.objects.count() == built_in
    assert User.objects.filter(username="ada@acme.example").exists()
    assert f"{made.app.public_id}, deleted by ada@acme.example" not in caplog.text  # on commit
    assert create_app("Shop", slug="shop", actor=ACTOR).app.slug == "shop"


def test_a_line_in_the_operators_log_tells_who_deleted_it_and_how_much_went(
    made: CreatedApp,
    owner: Actor,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    fill(made.app)
    expected = Event.objects.count() + Delivery.objects.count() + 3  # app.deleted twice, delivered once
    delete_app(made.app, owner)
    after_the_minute()

    with django_capture_on_commit_callbacks(execute=True):
        work_on_deletions(lambda: False)

    line = f"{made.app.public_id}, deleted by ada@acme.example, is gone with {expected} events and deliveries"
    assert line in caplog.messages


def test_progress_is_told_and_a_turn_that_is_cut_off_is_gone_on_with(
    made: CreatedApp, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliveries.retention.EVENTS_AT_ONCE", 2)
    fill(made.app)
    delete_app(made.app, owner)
    after_the_minute()
    seen: list[tuple[int | None, int]] = []

    for turn in count():
        if not work_on_deletions(lambda: True):
            break
        seen.append(AppDeletion.objects.values_list("rows", "deleted").get())
        assert turn < 100

    total = seen[-1][0]
    assert seen[0] == (None, 0)  # its endpoints went
    assert seen[1] == (total, 0)
    deleted = [number for _, number in seen]
    assert deleted == sorted(deleted)
    assert (seen[-1][1], len(set(deleted)) > 3) == (total, True)
    assert not App.objects.filter(pk=made.app.pk).exists()


def test_a_worker_that_is_killed_within_a_batch_has_done_nothing_of_it(
    made: CreatedApp, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(made.app)
    delete_app(made.app, owner)
    after_the_minute()
    turns: Iterator[bool] = iter([False, True])
    work_on_deletions(lambda: next(turns))  # endpoints closed, rows counted
    before = rows_of(made.app)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AppDeletion, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            work_on_deletions(lambda: False)

    assert rows_of(made.app) == before
    assert AppDeletion.objects.get().deleted == 0
    assert work_on_deletions(lambda: False) is False
    assert not App.objects.filter(pk=made.app.pk).exists()


def test_no_batch_deletes_more_rows_of_a_kind_than_its_bound_however_many_an_owner_has(
    made: CreatedApp, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, other = made.app, make_app("Other").app
    for each in (app, other):
        for name in ("Acme", "Globex", "Initech"):
            organization = make_organization(each, name)
            for number in range(5):
                make_member(organization, f"usr_{number}")
                make_invitation(organization, f"{number}@globex.example")
                make_domain(organization, f"{number}.{name.lower()}.example")
        endpoint = make_endpoint(each)
        for hour in range(5):
            start = timezone.now() - dt.timedelta(hours=hour)
            EndpointTally.objects.create(endpoint=endpoint, start=start, slice=0)
            FailureTally.objects.create(
                app=each, environment="live", endpoint=endpoint, start=start, slice=0, response_status=500,
                error_code="http_status", attempts=1, first_attempt=endpoint.pk, last_attempt=endpoint.pk,
            )  # fmt: skip
    of_other = Organization.objects.filter(app=other).count(), OrganizationMember.objects.count() // 2
    monkeypatch.setattr(app_deletion, "ROWS_AT_ONCE", 2)
    delete_app(app, owner)
    after_the_minute()
    kinds = (EndpointTally, FailureTally, Endpoint, OrganizationMember, Invitation, OrganizationDomain, Organization)

    def counts() -> list[int]:
        return [kind._default_manager.count() for kind in kinds]

    seen = [counts()]
    for turn in count():
        more = work_on_deletions(lambda: True)
        seen.append(counts())
        if not more:
            break
        assert turn < 200

    assert max(before - after for old, new in pairwise(seen) for before, after in zip(old, new, strict=True)) == 2
    assert seen[-1] == [5, 5, 1, 15, 15, 15, 3]
    assert (Organization.objects.filter(app=other).count(), OrganizationMember.objects.count()) == of_other
    assert not App.objects.filter(pk=app.pk).exists()


def test_what_is_being_sent_is_left_to_a_later_turn(made: CreatedApp, owner: Actor) -> None:
    endpoint = make_endpoint(made.app)
    make_delivery(make_event(made.app), endpoint, "sending")
    Lane.objects.update(in_flight=1)
    delete_app(made.app, owner)
    after_the_minute()

    assert work_on_deletions(lambda: False) is False

    assert App.objects.filter(pk=made.app.pk).exists()
    assert list(Delivery.objects.values_list("status", flat=True)) == ["sending"]
    assert not EndpointSecret.objects.exists()
    Delivery.objects.update(status="succeeded", lease=None, leased_until=None)
    assert work_on_deletions(lambda: False) is False
    assert not App.objects.filter(pk=made.app.pk).exists()


def test_running_replays_end_with_the_app(made: CreatedApp, owner: Actor) -> None:
    fill(made.app)

    delete_app(made.app, owner)

    assert list(Replay.objects.values_list("status", flat=True)) == ["canceled"]


def test_the_sweep_sends_for_a_worker_once_and_again_when_it_seems_lost(
    made: CreatedApp, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.delete_apps, "apply_async", lambda **_: sent.append(1))
    delete_app(made.app, owner)
    after_the_minute()
    tasks.sweep()
    tasks.sweep()
    assert len(sent) == 1

    AppDeletion.objects.update(worked_at=timezone.now() - app_deletion.LOST_AFTER - dt.timedelta(seconds=1))
    tasks.sweep()
    assert (len(sent), tasks.delete_apps.name) == (2, DELETE_TASK)

    tasks.delete_apps()
    assert not App.objects.filter(pk=made.app.pk).exists()
    assert deletions_wait() is False


def test_a_member_that_is_added_meanwhile_goes_too(made: CreatedApp, owner: Actor) -> None:
    delete_app(made.app, owner)
    Membership.objects.create(app=made.app, user=User.objects.create(username="eve"), role="viewer")
    after_the_minute()

    work_on_deletions(lambda: False)

    assert not Membership.objects.exists()
