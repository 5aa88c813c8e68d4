"""Endpoints, replays, keys and members on the admin site: filtered by what an operator asks, and acted on."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from deliveries.app_deletion import delete_app
from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import delete_endpoint, disable_endpoint
from deliveries.models import AppDeletion, DeliveryStatus, Lane, Replay, ReplayKind
from deliveries.replays import start_replay
from switera_webhooks.admin import lists
from switera_webhooks.environments import Environment
from switera_webhooks.ids import first_id_at
from tests.admin.conftest import Staff, act, cells, ids
from tests.factories import ACTOR, make_app, make_delivery, make_endpoint, make_event, make_key, make_organization
from webhooks.members import add_member
from webhooks.models import ApiKey, App, AuditEntry, DisabledReason, Endpoint, EndpointSecret, Role
from webhooks.secrets import rotate_secret

pytestmark = pytest.mark.django_db
LIST = "/admin/webhooks/endpoint/"
REPLAYS = "/admin/deliveries/replay/"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def operator(staff: Staff) -> Client:
    return staff("view_endpoint", "change_endpoint")


def test_the_filters_find_what_needs_a_look(app: App, superuser: Client) -> None:
    now = timezone.now()
    well = make_endpoint(app)
    by_hand = disable_endpoint(make_endpoint(app), DisabledReason.MANUAL, ACTOR)
    gone = disable_endpoint(make_endpoint(app), DisabledReason.GONE, ACTOR)
    Endpoint.objects.filter(pk=gone.pk).update(disabled_at=now - 25 * HOUR)
    failing, for_long = make_endpoint(app), make_endpoint(app)
    Lane.objects.filter(pk=failing.pk).update(failing_since=now - HOUR / 2)
    Lane.objects.filter(pk=for_long.pk).update(failing_since=now - 25 * HOUR, open_until=now + HOUR)
    Lane.objects.filter(pk=gone.pk).update(failing_since=now - 25 * HOUR)
    deleted = make_endpoint(app)
    delete_endpoint(deleted, ACTOR)
    tested = make_endpoint(app, environment=Environment.TEST)

    def found(**query: str) -> list[str]:
        return ids(superuser, LIST, **query)

    enabled = [row.public_id for row in (tested, for_long, failing, well)]
    assert found(state="enabled") == enabled
    assert found(state="disabled") == [gone.public_id, by_hand.public_id]
    assert found(state="disabled_today") == found(state="manual") == [by_hand.public_id]
    assert found(state="gone") == [gone.public_id]
    assert found(state="sustained_failure") == []
    assert found(state="deleted") == [deleted.public_id]
    assert found(failing="yes") == [for_long.public_id, failing.public_id]
    assert found(failing="hour") == found(failing="day") == found(held_back="breaker") == [for_long.public_id]
    assert found(environment="test") == [tested.public_id]
    assert len(found()) == 7


def test_pending_retries_are_told_from_first_attempts(app: App, superuser: Client) -> None:
    retrying, fresh, by_hand = make_endpoint(app), make_endpoint(app), make_endpoint(app)
    now = timezone.now()
    make_delivery(make_event(app), retrying, turn=2, attempt_count=1)
    Lane.objects.filter(pk=retrying.pk).update(retry_from=now)
    make_delivery(make_event(app), fresh)
    Lane.objects.filter(pk=fresh.pk).update(fresh_from=now)
    # A test send: urgent, and no retry.
    make_delivery(make_event(app), by_hand, turn=0, test=True)
    Lane.objects.filter(pk=by_hand.pk).update(urgent_from=now)

    assert ids(superuser, LIST, pending="retries") == [retrying.public_id]
    assert ids(superuser, LIST, pending="anything") == [by_hand.public_id, fresh.public_id, retrying.public_id]


def test_endpoints_are_found_by_ids_names_and_urls(app: App, superuser: Client) -> None:
    organization = make_organization(app)
    endpoint = make_endpoint(app, name="Billing", url="https://192.0.78.9/billing", organization=organization)
    event = make_event(app)
    delivery = make_delivery(event, endpoint)
    make_endpoint(make_app("Other").app)

    for term in ("bill", "192.0.78.9", *(row.public_id for row in (endpoint, organization, event, delivery, app))):
        assert ids(superuser, LIST, q=term) == [endpoint.public_id], term


def test_disabling_and_enabling_count_and_are_audited(app: App, operator: Client) -> None:
    first, second = make_endpoint(app), make_endpoint(app)
    disabled = disable_endpoint(make_endpoint(app), DisabledReason.GONE, ACTOR)
    deleted = make_endpoint(app)
    delete_endpoint(deleted, ACTOR)
    AuditEntry.objects.all().delete()

    message = act(operator, LIST, "disable", first.pk, second.pk, disabled.pk)

    assert message == "2 disabled, 1 could not be: It is disabled already."
    reasons = dict(Endpoint.objects.values_list("pk", "disabled_reason"))
    assert reasons == {first.pk: "manual", second.pk: "manual", disabled.pk: "gone", deleted.pk: None}
    assert Lane.objects.get(pk=first.pk).held

    message = act(operator, LIST, "enable", first.pk, second.pk, disabled.pk, deleted.pk)

    assert message == "3 enabled, 1 could not be: This endpoint is deleted."
    assert set(Endpoint.objects.values_list("disabled_reason", flat=True)) == {None}
    told = AuditEntry.objects.order_by("id").values_list("action", "target_id", "actor_name", "ip")
    assert sorted(told) == sorted(
        [("endpoint.disabled", row.public_id, "olga", "192.0.2.7") for row in (first, second)]
        + [("endpoint.enabled", row.public_id, "olga", "192.0.2.7") for row in (first, second, disabled)]
    )
    assert AuditEntry.objects.filter(action="endpoint.enabled")[0].changes == {"held": "release", "canceled": 0}
    assert act(operator, LIST, "enable", first.pk) == "0 enabled, 1 could not be: It is enabled already."


def test_a_replay_of_what_failed_today_is_one_job_an_endpoint(app: App, operator: Client) -> None:
    endpoint, other = make_endpoint(app), make_endpoint(app)
    failed = [make_delivery(make_event(app), endpoint, DeliveryStatus.FAILED) for _ in range(2)]
    long_ago = timezone.now() - 27 * HOUR
    make_delivery(make_event(app), endpoint, DeliveryStatus.FAILED, id=first_id_at(long_ago), created_at=long_ago)
    make_delivery(make_event(app), endpoint, DeliveryStatus.SUCCEEDED)
    AuditEntry.objects.all().delete()

    message = act(operator, LIST, "replay_failed", endpoint.pk, other.pk)

    assert message == "2 replays started. They come to 2 failed deliveries."
    counts = {replay.filters["endpoint_id"]: (replay.kind, replay.count) for replay in Replay.objects.all()}
    assert counts == {endpoint.public_id: ("failed", len(failed)), other.public_id: ("failed", 0)}
    assert set(AuditEntry.objects.values_list("action", "actor_name")) == {("replay.started", "olga")}
    assert AuditEntry.objects.count() == 2


def test_a_replay_of_a_deleted_endpoint_is_refused(app: App, operator: Client) -> None:
    endpoint = make_endpoint(app)
    delete_endpoint(endpoint, ACTOR)

    message = act(operator, LIST, "replay_failed", endpoint.pk)

    assert message.startswith("0 replays started, 1 could not be: This endpoint is deleted")
    assert Replay.objects.count() == 0


def test_nothing_is_done_to_an_app_that_is_being_deleted(app: App, operator: Client) -> None:
    """S32."""
    endpoint = make_endpoint(app)
    delete_app(app, ACTOR)
    before = Endpoint.objects.values().get()
    AuditEntry.objects.all().delete()

    message = act(operator, LIST, "disable", endpoint.pk)

    assert message == "0 disabled, 1 could not be: Its app is being deleted."
    assert (Endpoint.objects.values().get(), AuditEntry.objects.count()) == (before, 0)


def test_apps_that_go_are_told_with_their_progress(app: App, superuser: Client) -> None:
    gone = make_app("Gone").app
    AppDeletion.objects.filter(app=delete_app(gone, ACTOR).app).update(rows=2_000, deleted=1_500)

    assert ids(superuser, "/admin/webhooks/app/", state="deleting") == ["Gone"]
    assert ids(superuser, "/admin/webhooks/app/", state="there") == ["Shop"]
    [row] = cells(superuser, "/admin/deliveries/appdeletion/", q=gone.public_id)
    assert (row[0], row[2:4]) == ("Gone", ["manage.py test", "1,500 of 2,000"])


@pytest.mark.parametrize("action", ["disable", "enable", "replay_failed"])
def test_s37_who_may_look_may_not_act(app: App, staff: Staff, action: str) -> None:
    enabled = make_endpoint(app)
    disabled = disable_endpoint(make_endpoint(app), DisabledReason.MANUAL, ACTOR)
    AuditEntry.objects.all().delete()
    before = list(Endpoint.objects.order_by("id").values())

    assert act(staff("view_endpoint"), LIST, action, enabled.pk, disabled.pk) == ""

    assert list(Endpoint.objects.order_by("id").values()) == before
    assert (AuditEntry.objects.count(), Replay.objects.count()) == (0, 0)


def test_more_than_an_action_takes_is_refused_whole(
    app: App, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "ROWS_AT_MOST", 2)
    endpoints = [make_endpoint(app) for _ in range(3)]

    message = act(operator, LIST, "disable", endpoints[0].pk, select_across="1")

    assert message == "Nothing was done: an action takes 2 rows at most. Select fewer of them."
    assert Endpoint.objects.filter(disabled_at=None).count() == 3


def test_header_names_are_shown_and_their_values_masked(app: App, superuser: Client) -> None:
    """S25."""
    endpoint = make_endpoint(app, headers={"x-token": "token-of-theirs"})

    html = superuser.get(f"{LIST}{endpoint.pk}/change/").content.decode()

    assert "<code>x-token</code>: ••••••••" in html
    assert "token-of-theirs" not in html


def test_secrets_are_told_by_when_they_end(app: App, superuser: Client) -> None:
    """S29."""
    path = "/admin/webhooks/endpointsecret/"
    endpoint = make_endpoint(app)
    rotate_secret(endpoint, 3600, ACTOR)
    old, current = EndpointSecret.objects.order_by("created_at")

    assert [row[0] for row in cells(superuser, path)] == ["whsec_••••••••", "whsec_••••••••"]
    assert cells(superuser, path, state="current", q=endpoint.public_id)[0][-1] == "-"
    assert cells(superuser, path, state="ending", q=app.public_id)[0][-1] != "-"
    assert cells(superuser, path, state="ended") == []
    for secret in (old, current):
        html = superuser.get(f"{path}{secret.pk}/change/").content.decode()
        assert secret.ciphertext not in html
        assert "whsec_••••••••" in html


def test_keys_are_told_by_what_became_of_them(app: App, superuser: Client) -> None:
    """S30."""
    path = "/admin/webhooks/apikey/"
    now = timezone.now()
    ApiKey.objects.all().delete()
    used, _ = make_key(app, last_used_at=now)
    unused, text = make_key(app, Environment.TEST)
    expired, _ = make_key(app, expires_at=now - HOUR)
    revoked, _ = make_key(app, revoked_at=now)

    assert ids(superuser, path, state="active") == [unused.masked, used.masked]
    assert ids(superuser, path, state="never_used") == [unused.masked]
    assert ids(superuser, path, state="expired") == [expired.masked]
    assert ids(superuser, path, state="revoked") == [revoked.masked]
    assert ids(superuser, path, environment="test") == ids(superuser, path, q=unused.public_id) == [unused.masked]
    assert text not in superuser.get(f"{path}{unused.pk}/change/").content.decode()


def test_members_are_found_by_app_and_builder(app: App, superuser: Client) -> None:
    path = "/admin/webhooks/membership/"
    ada = User.objects.create_user("ada", "ada@example.com")
    add_member(app, ada, Role.OWNER, ACTOR)
    add_member(make_app("Other").app, User.objects.create_user("vic"), Role.VIEWER, ACTOR)

    for term in ("ada", "ADA@example.com", app.public_id, app.slug):
        assert [row[:3] for row in cells(superuser, path, q=term)] == [["ada", "Shop", "Owner"]], term
    assert [row[0] for row in cells(superuser, path, role="viewer")] == ["vic"]


def test_a_replay_that_runs_is_canceled_and_one_that_ended_is_not(app: App, staff: Staff) -> None:
    operator = staff("view_replay", "change_replay")
    endpoint, empty = make_endpoint(app), make_endpoint(app)
    make_delivery(make_event(app), endpoint, DeliveryStatus.FAILED)
    running, ended = (
        start_replay(app, Environment.LIVE, ReplayKind.FAILED, DeliveryFilter(endpoint_id=row.pk), ACTOR)
        for row in (endpoint, empty)
    )
    assert ids(operator, REPLAYS, status="active") == [running.public_id]
    AuditEntry.objects.all().delete()

    message = act(operator, REPLAYS, "cancel", running.pk, ended.pk)

    assert message == "1 canceled, 1 could not be: This replay has ended already."
    assert set(Replay.objects.values_list("pk", "status")) == {(running.pk, "canceled"), (ended.pk, "completed")}
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_name) == ("replay.canceled", "olga")
