"""The engine with its real sender, against receivers on loopback."""

import datetime as dt
import json
import threading
import time
from collections import Counter

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook

from deliveries.endpoints import enable_endpoint, update_endpoint
from deliveries.engine.destinations import Destinations
from deliveries.engine.drain import Engine
from deliveries.models import Attempt, Delivery, Lane
from events.models import Event
from switera_webhooks.encryption import decrypt
from tests.deliveries.engine.rows import attempts, due_in, make_app, make_due, make_endpoint, make_events
from tests.receivers.behaviours import answer, answers, never_answers
from tests.receivers.server import Peer, Receiver
from webhooks.audit import SYSTEM
from webhooks.models import AuditEntry, Endpoint
from webhooks.secrets import rotate_secret

pytestmark = pytest.mark.django_db(transaction=True)

OK = answers(answer("204 No Content"))


def verify(endpoint: Endpoint, body: bytes, headers: dict[str, str], secret: int = 0) -> None:
    """Raises where the standard's own library does not verify the request."""
    texts = [decrypt(row.ciphertext) for row in endpoint.secrets.order_by("-created_at")]
    Webhook(texts[secret]).verify(body.decode(), headers)


def test_an_event_reaches_its_endpoint_signed_with_the_contracts_headers_and_body(engine: Engine) -> None:
    """S26."""
    app = make_app()
    with Receiver(OK) as receiver:
        endpoint = make_endpoint(app, url=receiver.url())
        (event,) = make_events(app)
        report = engine.drain(None)

    assert (report.sent, report.more) == (1, False)
    (request,) = receiver.requests
    headers = {name.lower(): value for name, value in request.headers}
    delivery = Delivery.objects.get()
    assert (request.method, request.target) == ("POST", "/hook")
    assert headers["webhook-id"] == event.public_id
    assert headers["switera-delivery-id"] == delivery.public_id
    assert (headers["switera-attempt"], headers["switera-event-type"]) == ("1", "order.paid")
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("Switera-Webhooks/")
    assert request.body == event.payload.encode()
    assert list(json.loads(request.body)) == [
        "id", "type", "timestamp", "app_id", "environment", "organization_id", "test", "data",
    ]  # fmt: skip
    verify(endpoint, request.body, headers)
    assert (delivery.status, delivery.attempt_count) == ("succeeded", 1)
    assert attempts() == [(1, "succeeded", 204, "")]


def test_each_failure_waits_for_the_schedule_and_the_last_one_leaves_the_delivery_failed(
    engine: Engine, settings: Settings
) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = (100.0, 200.0)
    app = make_app()
    with Receiver(answers(answer("500 Internal Server Error", b"broken"))) as receiver:
        make_endpoint(app, url=receiver.url())
        make_events(app)
        for expected in (100, 200):
            engine.drain(None)
            delivery = Delivery.objects.get()
            assert delivery.status == "pending"
            assert expected - 5 < due_in(delivery) <= expected
            make_due(Delivery.objects.all())
        engine.drain(None)

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempt_count, delivery.error_code) == ("failed", 3, "http_status")
    assert attempts() == [(n, "failed", 500, "http_status") for n in (1, 2, 3)]
    assert len({request.header("webhook-id") for request in receiver.requests}) == 1
    assert [request.header("switera-attempt") for request in receiver.requests] == ["1", "2", "3"]
    assert len({request.body for request in receiver.requests}) == 1


def test_every_attempt_is_signed_anew_under_the_same_message_id(engine: Engine) -> None:
    """S27: a timestamp of its own, and a signature that verifies."""
    app = make_app()
    with Receiver(answers(answer("500 Internal Server Error"), answer("200 OK"))) as receiver:
        endpoint = make_endpoint(app, url=receiver.url())
        make_events(app)
        engine.drain(None)
        first_sent = int(str(receiver.requests[0].header("webhook-timestamp")))
        while int(time.time()) == first_sent:  # the timestamp counts whole seconds
            threading.Event().wait(0.02)
        make_due(Delivery.objects.all())
        engine.drain(None)

    first, second = receiver.requests
    assert first.header("webhook-id") == second.header("webhook-id")
    assert int(str(second.header("webhook-timestamp"))) > first_sent
    for request in (first, second):
        verify(endpoint, request.body, {name.lower(): value for name, value in request.headers})
    assert attempts() == [(1, "failed", 500, "http_status"), (2, "succeeded", 200, "")]


def test_retry_after_postpones_the_next_attempt_and_never_brings_it_forward(engine: Engine, settings: Settings) -> None:
    """S22."""
    settings.WEBHOOKS_RETRY_SCHEDULE = (100.0,)
    app = make_app()
    slow_down = answer("503 Service Unavailable", b"", "Retry-After: 500")
    hurry = answer("503 Service Unavailable", b"", "Retry-After: 1")
    with Receiver(answers(slow_down)) as later, Receiver(answers(hurry)) as sooner:
        postponed, kept = (make_endpoint(app, url=receiver.url()) for receiver in (later, sooner))
        make_events(app)
        engine.drain(None)

    assert 495 < due_in(Delivery.objects.get(endpoint=postponed)) <= 500
    assert 95 < due_in(Delivery.objects.get(endpoint=kept)) <= 100


def test_gone_disables_the_endpoint_at_once_and_holds_what_follows(engine: Engine) -> None:
    """S23, S46."""
    app = make_app()
    with Receiver(answers(answer("410 Gone"))) as receiver:
        endpoint = make_endpoint(app, url=receiver.url())
        make_events(app)
        engine.drain(None)
        make_events(app)
        make_due(Delivery.objects.all())
        engine.drain(None)

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "gone"
    assert endpoint.disabled_at is not None
    assert len(receiver.requests) == 1
    assert Counter(Delivery.objects.values_list("status", "attempt_count")) == {("pending", 1): 1, ("pending", 0): 1}
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_type, entry.target_id) == ("endpoint.disabled", "system", endpoint.public_id)


def test_an_endpoint_that_has_only_failed_for_too_long_is_disabled(engine: Engine, settings: Settings) -> None:
    settings.WEBHOOKS_DISABLE_AFTER = 3600
    app = make_app()
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        lately, long_ago = (make_endpoint(app, url=receiver.url()) for _ in range(2))
        Lane.objects.filter(pk=long_ago.pk).update(failing_since=timezone.now() - dt.timedelta(hours=1))
        make_events(app)
        engine.drain(None)

    lately.refresh_from_db()
    long_ago.refresh_from_db()
    assert (lately.disabled_reason, long_ago.disabled_reason) == (None, "sustained_failure")


def test_deliveries_held_by_a_disabled_endpoint_go_out_when_it_is_enabled(engine: Engine) -> None:
    app = make_app()
    with Receiver(OK) as receiver:
        endpoint = make_endpoint(app, url=receiver.url(), held=True)
        Endpoint.objects.filter(pk=endpoint.pk).update(disabled_at=timezone.now(), disabled_reason="manual")
        make_events(app, 3)
        engine.drain(None)
        assert receiver.requests == []

        enable_endpoint(endpoint, SYSTEM)
        engine.drain(None)

    assert len(receiver.requests) == 3
    assert set(Delivery.objects.values_list("status", flat=True)) == {"succeeded"}


def test_an_edit_and_a_rotation_hold_for_the_very_next_attempt(engine: Engine) -> None:
    app = make_app()
    with Receiver(OK) as before, Receiver(OK) as after:
        endpoint = make_endpoint(app, url=before.url())
        make_events(app)
        engine.drain(None)
        update_endpoint(endpoint, {"url": after.url(), "headers": {"x-team": "orders"}}, SYSTEM)
        rotate_secret(endpoint, 3600, SYSTEM)
        make_events(app)
        engine.drain(None)

    assert (len(before.requests), len(after.requests)) == (1, 1)
    (request,) = after.requests
    headers = {name.lower(): value for name, value in request.headers}
    assert headers["x-team"] == "orders"
    assert len(headers["webhook-signature"].split(" ")) == 2
    verify(endpoint, request.body, headers, secret=0)
    verify(endpoint, request.body, headers, secret=1)


def test_an_expired_secret_signs_no_more(engine: Engine) -> None:
    app = make_app()
    with Receiver(OK) as receiver:
        endpoint = make_endpoint(app, url=receiver.url())
        rotate_secret(endpoint, 3600, SYSTEM)
        endpoint.secrets.filter(expires_at__isnull=False).update(expires_at=timezone.now())
        make_events(app)
        engine.drain(None)

    (request,) = receiver.requests
    assert len(str(request.header("webhook-signature")).split(" ")) == 1


def test_a_receiver_that_never_answers_delays_nobody_else(engine: Engine, settings: Settings) -> None:
    """The healthy endpoint's deliveries end while the hung ones are still on the wire."""
    settings.WEBHOOKS_TIMEOUT = 6.0
    app = make_app()
    with Receiver(never_answers) as hung, Receiver(OK) as healthy:
        slow = make_endpoint(app, url=hung.url(), cap=4)
        quick = make_endpoint(app, url=healthy.url())
        make_events(app, 50)
        until = time.monotonic() + 5
        while Delivery.objects.filter(endpoint=quick, status="succeeded").count() < 50 and time.monotonic() < until:
            engine.drain(0.2)
        statuses = Counter(Delivery.objects.values_list("endpoint_id", "status"))
        assert statuses == {(quick.pk, "succeeded"): 50, (slow.pk, "sending"): 4, (slow.pk, "pending"): 46}
        engine.close()

    assert Counter(Attempt.objects.values_list("error_code", flat=True)) == {"": 50, "timeout": 4}
    assert set(Lane.objects.values_list("in_flight", flat=True)) == {0}


def test_what_is_in_flight_at_the_hand_back_is_recorded_without_another_drain(
    engine: Engine, settings: Settings
) -> None:
    answering = threading.Event()

    def answers_when_told(peer: Peer) -> None:
        if peer.read_request():
            answering.wait(10)
            peer.send(answer("200 OK"))

    app = make_app()
    with Receiver(answers_when_told) as receiver:
        make_endpoint(app, url=receiver.url())
        make_events(app)
        report = engine.drain(0.05)
        assert (report.sent, report.more) == (0, True)

        answering.set()
        until = time.monotonic() + 10
        while Delivery.objects.get().status != "succeeded" and time.monotonic() < until:
            threading.Event().wait(0.01)

    assert attempts() == [(1, "succeeded", 200, "")]


def test_what_is_in_flight_when_a_drain_fails_is_recorded_all_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S45: what was answered is not sent again because of a defect beside it."""
    app = make_app()
    with Receiver(OK) as receiver:
        make_endpoint(app, url=receiver.url())
        make_events(app)

        calls: list[int] = []
        collect = engine._collect

        def breaks_once(wait: float, at_least: int) -> int:
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError("a defect")
            return collect(wait, at_least)

        monkeypatch.setattr(engine, "_collect", breaks_once)
        with pytest.raises(RuntimeError, match="a defect"):
            engine.drain(None)
        until = time.monotonic() + 10
        while Delivery.objects.get().status != "succeeded" and time.monotonic() < until:
            threading.Event().wait(0.01)

    assert attempts() == [(1, "succeeded", 204, "")]
    assert len(receiver.requests) == 1


def test_a_memory_smaller_than_the_claim_still_sends_everything() -> None:
    app = make_app()
    with Receiver(OK) as receiver:
        for _ in range(4):
            make_endpoint(app, url=receiver.url())
        engine = Engine()
        engine._destinations = Destinations(remembered=2)
        make_events(app, 3)
        engine.drain(None)
        engine.close()

    assert len(receiver.requests) == 12
    assert set(Attempt.objects.values_list("status", flat=True)) == {"succeeded"}


def test_one_pass_leaves_what_becomes_due_during_it(engine: Engine, settings: Settings) -> None:
    settings.WEBHOOKS_RETRY_SCHEDULE = (0.0, 0.0, 0.0)
    app = make_app()
    with Receiver(answers(answer("500 Internal Server Error"))) as receiver:
        make_endpoint(app, url=receiver.url())
        make_events(app)
        assert engine.drain(None).sent == 4

    assert Delivery.objects.get().status == "failed"


@pytest.mark.parametrize("once", [False, True])
def test_events_that_nobody_subscribes_to_are_dispatched_in_one_drain(engine: Engine, once: bool) -> None:
    """However many: they keep no drain busy, and yet must not wait for the sweep a hundred at a time."""
    app = make_app()
    make_endpoint(app, "user.*")
    make_events(app, 250)

    assert engine.drain(None, once=once).sent == 0

    assert not Event.objects.filter(dispatched_at=None).exists()
    assert Delivery.objects.count() == 0


def test_a_secret_that_no_key_opens_fails_the_attempt_and_sends_nothing(engine: Engine, settings: Settings) -> None:
    app = make_app()
    with Receiver(OK) as receiver:
        make_endpoint(app, url=receiver.url())
        healthy = make_endpoint(app, url=receiver.url())
        Endpoint.objects.exclude(pk=healthy.pk).get().secrets.update(ciphertext="not under any key")
        make_events(app)
        engine.drain(None)

    assert len(receiver.requests) == 1
    assert Counter(Attempt.objects.values_list("status", "error_code")) == {
        ("succeeded", ""): 1,
        ("failed", "internal_error"): 1,
    }
    assert "WEBHOOKS_ENCRYPTION_KEYS" in Attempt.objects.get(status="failed").error


def test_a_private_address_is_refused_and_nothing_is_sent(engine: Engine, settings: Settings) -> None:
    """S12: an endpoint whose address was let through when saved, and is not any more."""
    settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = ()
    app = make_app()
    with Receiver(OK) as receiver:
        make_endpoint(app, url=receiver.url())
        make_events(app)
        engine.drain(None)
        assert receiver.connections == 0

    assert attempts() == [(1, "failed", None, "blocked_address")]


def test_two_engines_side_by_side_send_each_delivery_once() -> None:
    app = make_app()
    with Receiver(OK) as receiver:
        for _ in range(3):
            make_endpoint(app, url=receiver.url())
        make_events(app, 60)
        engines = [Engine(), Engine()]

        def work(engine: Engine) -> None:
            engine.drain(None)
            engine.close()
            connections.close_all()

        threads = [threading.Thread(target=work, args=(engine,)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ids = Counter(request.header("switera-delivery-id") for request in receiver.requests)
    assert len(ids) == 180
    assert set(ids.values()) == {1}
    assert set(Delivery.objects.values_list("status", "attempt_count")) == {("succeeded", 1)}
