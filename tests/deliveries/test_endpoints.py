"""An endpoint's life: each change is checked, written and audited together."""

import datetime as dt
import ipaddress
from collections import Counter

import pytest
from pytest_django import Settings

from deliveries.delivery_actions import cancel_delivery
from deliveries.endpoint_facts import health_of, held_count_of, with_facts
from deliveries.endpoints import (
    MASK,
    EndpointFields,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    update_endpoint,
)
from deliveries.engine.statements import statements
from deliveries.models import Delivery, Lane
from deliveries.test_send import send_test
from switera_webhooks.encryption import decrypt
from switera_webhooks.refusals import Conflict, InvalidInput, LimitReached
from tests.deliveries.engine.rows import failed, make_app, make_due, make_endpoint, make_events, succeeded
from tests.deliveries.refusing import audited, refused
from webhooks.audit import SYSTEM, Actor
from webhooks.models import AuditEntry, DisabledReason, Endpoint, EndpointSecret, Organization
from webhooks.secrets import reveal_secret, rotate_secret, secrets_in_force

pytestmark = pytest.mark.django_db
ACTOR = Actor.of_command("test")
URL = "https://192.0.78.1/hooks"


@pytest.fixture(autouse=True)
def _address_allowed(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)


def test_a_new_endpoint_has_a_lane_a_secret_and_encrypted_headers() -> None:
    """S25, S29, S46."""
    app = make_app()
    given = EndpointFields(url=URL, event_types=["order.paid", "order.*"], headers={"X-Key": "hush"}, rate_limit=5)

    created = create_endpoint(app, "live", given, ACTOR)

    endpoint = Endpoint.objects.get()
    assert (endpoint.url, endpoint.event_types, endpoint.enabled) == (URL, ["order.paid", "order.*"], True)
    assert created.warning is None
    assert created.secret.startswith("whsec_")
    assert decrypt(EndpointSecret.objects.get().ciphertext) == created.secret
    assert created.secret not in EndpointSecret.objects.get().ciphertext
    assert "hush" not in str(endpoint.headers)
    assert decrypt(endpoint.headers["X-Key"]) == "hush"
    lane = Lane.objects.get()
    assert (lane.endpoint_id, lane.rate, lane.held, lane.first_wake_at) == (endpoint.id, 5.0, False, None)
    assert audited() == [("endpoint.created", "command")]
    assert "hush" not in str(AuditEntry.objects.values().get())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://example.com/"),
        ("url", "https://10.0.0.1/"),
        ("url", "https://u:p@example.com/"),
        ("event_types", []),
        ("event_types", ["order.lost"]),
        ("event_types", ["ORDER"]),
        ("name", "x" * 201),
        ("name", "a\0b"),
        ("headers", {"Host": "evil"}),
        ("headers", {"X-A": "a\r\nb"}),
        ("metadata", {"a": 1}),
        ("rate_limit", 0),
        ("rate_limit", True),
    ],
)
def test_a_bad_field_is_refused_by_name_when_creating_and_when_changing(field: str, value: object) -> None:
    app = make_app()
    endpoint = create_endpoint(app, "live", EndpointFields(url=URL, event_types=["*"]), ACTOR).endpoint
    values: dict[str, object] = {"url": URL, "event_types": ["*"], field: value}

    creating = refused(lambda: create_endpoint(app, "live", EndpointFields(**values), ACTOR), InvalidInput)  # type: ignore[arg-type]
    changing = refused(lambda: update_endpoint(endpoint, {field: value}, ACTOR), InvalidInput)

    assert (list(creating.details), list(changing.details)) == ([field], [field])


def test_another_apps_organization_is_refused() -> None:
    """S33."""
    app, other = make_app(), make_app()
    theirs = Organization.objects.create(app=other, name="Acme", slug="acme")
    given = EndpointFields(url=URL, event_types=["*"], organization=theirs)

    assert list(refused(lambda: create_endpoint(app, "live", given, ACTOR), InvalidInput).details) == ["organization"]


def test_the_limit_of_endpoints_is_told_and_holds(settings: Settings) -> None:
    """S39."""
    settings.WEBHOOKS_MAX_ENDPOINTS = 1
    app = make_app()
    given = EndpointFields(url=URL, event_types=["*"])
    endpoint = create_endpoint(app, "live", given, ACTOR).endpoint

    problem = refused(lambda: create_endpoint(app, "test", given, ACTOR), LimitReached)

    assert problem.code == "too_many_endpoints"
    delete_endpoint(endpoint, ACTOR)
    create_endpoint(app, "test", given, ACTOR)


def test_a_change_is_audited_with_what_was_and_what_is_and_header_values_redacted() -> None:
    """S25, S46."""
    app = make_app()
    given = EndpointFields(url=URL, event_types=["*"], name="Old", headers={"X-Key": "hush"})
    endpoint = create_endpoint(app, "live", given, ACTOR).endpoint

    updated = update_endpoint(endpoint, {"name": "New", "headers": {"X-Key": "hush hush"}, "url": URL}, ACTOR)

    assert (updated.endpoint.name, updated.endpoint.version) == ("New", 2)
    entry = AuditEntry.objects.get(action="endpoint.updated")
    assert entry.changes == {
        "name": ["Old", "New"],
        "headers": [{"X-Key": "[redacted]"}, {"X-Key": "[redacted]"}],
    }


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    app = make_app()
    endpoint = create_endpoint(app, "live", EndpointFields(url=URL, event_types=["*"], name="A"), ACTOR).endpoint

    updated = update_endpoint(endpoint, {"name": "A", "event_types": ["*"], "url": URL}, ACTOR)

    assert updated.endpoint.version == 1
    assert audited() == [("endpoint.created", "command")]


def test_a_masked_header_value_leaves_the_stored_one() -> None:
    app = make_app()
    given = EndpointFields(url=URL, event_types=["*"], headers={"X-Key": "hush", "X-Old": "gone"})
    endpoint = create_endpoint(app, "live", given, ACTOR).endpoint

    update_endpoint(endpoint, {"headers": {"x-key": MASK, "X-New": "here"}}, ACTOR)

    endpoint.refresh_from_db()
    assert {name: decrypt(value) for name, value in endpoint.headers.items()} == {"x-key": "hush", "X-New": "here"}
    problem = refused(lambda: update_endpoint(endpoint, {"headers": {"X-Other": MASK}}, ACTOR), InvalidInput)
    assert list(problem.details) == ["headers"]


def test_disabling_holds_and_enabling_releases_or_cancels() -> None:
    app = make_app()
    endpoint = create_endpoint(app, "live", EndpointFields(url=URL, event_types=["*"]), ACTOR).endpoint
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    disable_endpoint(endpoint, DisabledReason.GONE, SYSTEM)  # disabled already: the first reason stays
    Endpoint.objects.update(created_at="2020-01-01T00:00:00Z")
    make_events(app, 2)
    statements().fan_out(10)
    row = with_facts(Endpoint.objects.all()).get()
    assert (row.disabled_reason, held_count_of(row), health_of(row)) == ("manual", 2, "setup")
    assert statements().claim(10, 25) == []

    enable_endpoint(endpoint, ACTOR, "cancel")
    assert set(Delivery.objects.values_list("status", flat=True)) == {"canceled"}
    make_events(app, 1)
    disable_endpoint(endpoint, DisabledReason.MANUAL, ACTOR)
    statements().fan_out(10)
    enable_endpoint(endpoint, ACTOR)

    assert len(statements().claim(10, 25)) == 1
    assert [action for action, _ in audited()] == [
        "endpoint.created", "endpoint.disabled", "endpoint.enabled", "endpoint.disabled", "endpoint.enabled",
    ]  # fmt: skip
    assert AuditEntry.objects.filter(action="endpoint.enabled").order_by("id").values_list("changes", flat=True)[0] == {
        "held": "cancel",
        "canceled": 2,
    }


def test_deleting_cancels_what_is_pending_and_erases_secrets_and_headers() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    make_events(app, 3)
    statements().fan_out(10)
    (sending, finished) = statements().claim(2, 25)
    statements().finish([succeeded(finished)])

    delete_endpoint(endpoint, ACTOR)
    for late in (
        lambda: delete_endpoint(endpoint, ACTOR),
        lambda: update_endpoint(endpoint, {"headers": {"X-A": "b"}}, ACTOR),
        lambda: rotate_secret(endpoint, 60, ACTOR),
        lambda: reveal_secret(endpoint, ACTOR),
    ):
        assert refused(late, Conflict).code == "endpoint_deleted"

    assert Counter(Delivery.objects.values_list("status", flat=True)) == {"succeeded": 1, "sending": 1, "canceled": 1}
    assert EndpointSecret.objects.count() == 0
    assert Endpoint.objects.get().headers == {}
    assert audited() == [("endpoint.deleted", "command")]
    statements().finish([failed(sending, retry_in=0)])
    assert statements().cancel_closed() == 1
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {"succeeded": 1, "canceled": 2}


def test_secrets_are_revealed_and_rotated_on_record() -> None:
    """S29, S46."""
    app = make_app()
    created = create_endpoint(app, "live", EndpointFields(url=URL, event_types=["*"]), ACTOR)
    endpoint = created.endpoint
    assert reveal_secret(endpoint, ACTOR) == created.secret

    rotated = rotate_secret(endpoint, 60, ACTOR)

    assert reveal_secret(endpoint, ACTOR) == rotated.text != created.secret
    new, old = rotated.in_force
    assert endpoint.secrets.count() == 2
    assert (new.expires_at, secrets_in_force(endpoint)) == (None, rotated.in_force)
    assert old.expires_at is not None
    assert dt.timedelta(seconds=59) < old.expires_at - new.created_at < dt.timedelta(seconds=61)
    at_once = rotate_secret(endpoint, 0, ACTOR)
    assert [decrypt(row.ciphertext) for row in endpoint.secrets.all()] == [at_once.text]
    assert [secret.expires_at for secret in at_once.in_force] == [None]
    for overlap in (-1, 604_801):
        problem = refused(lambda seconds=overlap: rotate_secret(endpoint, seconds, ACTOR), InvalidInput)  # type: ignore[misc]
        assert list(problem.details) == ["overlap"]
    assert [action for action, _ in audited()] == [
        "endpoint.created", "endpoint.secret.revealed", "endpoint.secret.rotated", "endpoint.secret.revealed",
        "endpoint.secret.rotated",
    ]  # fmt: skip
    assert not any(
        text in str(list(AuditEntry.objects.values())) for text in (created.secret, rotated.text, at_once.text)
    )


def test_ten_secrets_sign_at_the_most_and_ended_ones_are_erased() -> None:
    """A signature each has to fit into one header."""
    app = make_app()
    endpoint = create_endpoint(app, "live", EndpointFields(url=URL, event_types=["*"]), ACTOR).endpoint
    for _ in range(9):
        rotate_secret(endpoint, 60, ACTOR)

    assert refused(lambda: rotate_secret(endpoint, 60, ACTOR), Conflict).code == "too_many_secrets"

    assert endpoint.secrets.count() == 10
    endpoint.secrets.filter(expires_at__isnull=False).update(expires_at="2020-01-01T00:00:00Z")
    assert [secret.expires_at for secret in secrets_in_force(endpoint)] == [None]
    rotate_secret(endpoint, 60, ACTOR)
    assert endpoint.secrets.count() == 2


def test_health_follows_what_happened() -> None:
    app = make_app()
    endpoint = make_endpoint(app)

    def health() -> str:
        return health_of(with_facts(Endpoint.objects.all()).get()).value

    def attempt(*, ok: bool, last: bool = False) -> None:
        make_due(Delivery.objects.all())
        (claim,) = statements().claim(10, 25)
        statements().finish([succeeded(claim) if ok else failed(claim, None if last else 3600)])

    assert health() == "setup"
    send_test(endpoint, "order.paid", ACTOR)
    attempt(ok=True)
    assert health() == "ready"
    make_events(app)
    statements().fan_out(10)
    attempt(ok=False)
    assert health() == "attention"
    attempt(ok=True)
    assert health() == "live"
    make_events(app)
    statements().fan_out(10)
    attempt(ok=False, last=True)
    assert health() == "attention"


def test_a_test_send_that_failed_is_attention_until_its_retry_ends_or_is_canceled() -> None:
    app = make_app()
    endpoint = make_endpoint(app)

    def health() -> str:
        return health_of(with_facts(Endpoint.objects.all()).get()).value

    for end in ("retry", "cancel"):
        delivery = send_test(endpoint, "order.paid", ACTOR)
        (claim,) = statements().claim(10, 25)
        statements().finish([failed(claim, 3600)])
        assert health() == "attention"
        if end == "cancel":
            cancel_delivery(delivery, ACTOR)
        else:
            make_due(Delivery.objects.filter(pk=delivery.pk))
            (claim,) = statements().claim(10, 25)
            statements().finish([succeeded(claim)])
        assert health() == "ready"
