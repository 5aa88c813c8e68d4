"""The admin's first page: how the service does, in words, and the box that finds anything by its id."""

import datetime as dt
import re
import threading
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from deliveries.endpoints import disable_endpoint
from deliveries.models import AppTally, DeliveryStatus, Lane, TallyProgress
from deliveries.tally import bucket_start
from switera_webhooks.admin import dashboard
from switera_webhooks.api import health
from switera_webhooks.api.health import BrokerState
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.admin.conftest import Staff
from tests.factories import ACTOR, make_app, make_attempt, make_delivery, make_endpoint, make_event, make_organization
from tests.servers.processes import free_port
from webhooks.models import ApiKey, App, AuditEntry, DisabledReason

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _a_worker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "broker_state", lambda _: BrokerState("ok", "ok"))


def figures(client: Client) -> dict[str, tuple[str, str, str, str]]:
    """By title: the word of the badge, the value, the note, where the link leads."""
    html = client.get("/admin/").content.decode()
    found = re.findall(
        r'<h2>([^<]+)</h2><span class="badge \w+"><svg.*?</svg><span>([^<]+)</span></span></div>\s*'
        r'<p class="figure-value">([^<]+)</p>\s*<p class="figure-note">([^<]+)</p>\s*<a href="([^"]+)">',
        html,
        re.S,
    )
    return {title: (word, value, unescape(note), unescape(url)) for title, word, value, note, url in found}


def test_a_service_without_traffic_is_fine(app: App, superuser: Client) -> None:
    told = figures(superuser)

    assert {title: (word, value) for title, (word, value, _, _) in told.items()} == {
        "Backlog": ("Fine", "0"),
        "Deliveries a minute": ("Not counted", "-"),
        "Failing endpoints": ("Fine", "0"),
        "Disabled today": ("Fine", "0"),
        "Workers": ("Fine", "Seen"),
        "Broker": ("Fine", "Reachable"),
    }


def test_every_link_leads_to_a_page(app: App, superuser: Client) -> None:
    for _, _, _, url in figures(superuser).values():
        assert superuser.get(url).status_code == 200, url


@pytest.mark.parametrize(
    ("seconds", "word"), [(30, "Fine"), (90, "Behind"), (700, "Late")], ids=["fine", "behind", "late"]
)
def test_a_backlog_is_counted_and_judged_by_its_age(app: App, superuser: Client, seconds: int, word: str) -> None:
    since = timezone.now() - dt.timedelta(seconds=seconds)
    endpoint, held, later = make_endpoint(app), make_endpoint(app), make_endpoint(app)
    for _ in range(2):
        make_delivery(make_event(app), endpoint, due_at=since)
    Lane.objects.filter(pk=endpoint.pk).update(fresh_from=since)
    disable_endpoint(held, DisabledReason.MANUAL, ACTOR)
    make_delivery(make_event(app), held, due_at=since)
    Lane.objects.filter(pk=held.pk).update(fresh_from=since)
    make_delivery(make_event(app), later, due_at=since + 60 * MINUTE, attempt_count=1, turn=2)
    Lane.objects.filter(pk=later.pk).update(retry_from=since + 60 * MINUTE)

    told = figures(superuser)["Backlog"]

    assert told[:2] == (word, "2")
    assert told[2].startswith("Deliveries that could go out now. ")
    assert "The oldest of all waits for" in told[2]
    assert told[3] == "/admin/deliveries/lane/?waiting=due"


def test_a_large_backlog_is_counted_no_further_than_so_many(
    app: App, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "BACKLOG_AT_MOST", 1)
    endpoint = make_endpoint(app)
    for _ in range(3):
        make_delivery(make_event(app), endpoint)
    Lane.objects.update(fresh_from=timezone.now())

    assert figures(superuser)["Backlog"][1] == "1+"


def count(app: App, until: dt.datetime, **columns: int) -> None:
    """What was counted in the ten seconds before `until`."""
    begin = until - dt.timedelta(seconds=10)
    TallyProgress.objects.update_or_create(
        pk=TallyProgress.KEY, defaults={"settled_until": until - 6 * MINUTE, "counted_until": until}
    )
    start = bucket_start(begin, 30 * MINUTE)
    AppTally.objects.create(app=app, environment=Environment.LIVE, start=start, slice=int(begin.timestamp()), **columns)


def test_deliveries_a_minute_come_from_what_was_counted_last(app: App, superuser: Client) -> None:
    until = bucket_start(timezone.now(), dt.timedelta(seconds=10))
    count(app, until - 2 * MINUTE, deliveries=500)
    count(app, until - MINUTE / 2, deliveries=1_000, succeeded=990, failed=7)
    count(app, until, deliveries=200, succeeded=200)

    word, value, note, url = figures(superuser)["Deliveries a minute"]

    assert (word, value, url) == ("Fine", "1,200", "/admin/deliveries/delivery/")
    assert note == "New ones in the last counted minute. 1,190 attempts succeeded, 7 failed."


def test_most_failing_and_a_scheduler_that_stopped_are_told(app: App, superuser: Client) -> None:
    until = bucket_start(timezone.now(), dt.timedelta(seconds=10))
    count(app, until, deliveries=20, succeeded=9, failed=11)
    assert figures(superuser)["Deliveries a minute"][0] == "Most fail"

    AppTally.objects.all().delete()
    count(app, until - 5 * MINUTE, deliveries=20, succeeded=20)
    word, _, note, _ = figures(superuser)["Deliveries a minute"]
    assert word == "Out of date"
    assert "does a scheduler (beat) run?" in note


def test_failing_and_disabled_endpoints_are_counted_apart(app: App, superuser: Client) -> None:
    now = timezone.now()
    failing, for_long, gone, by_hand, long_ago = (make_endpoint(app) for _ in range(5))
    Lane.objects.filter(pk=failing.pk).update(failing_since=now - MINUTE)
    assert figures(superuser)["Failing endpoints"][:2] == ("New failures", "1")
    Lane.objects.filter(pk__in=[for_long.pk, gone.pk]).update(failing_since=now - 90 * MINUTE)
    disable_endpoint(gone, DisabledReason.GONE, ACTOR)
    disable_endpoint(by_hand, DisabledReason.MANUAL, ACTOR)
    disable_endpoint(long_ago, DisabledReason.MANUAL, ACTOR)
    type(long_ago).objects.filter(pk=long_ago.pk).update(disabled_at=now - 25 * 60 * MINUTE)

    told = figures(superuser)

    assert told["Failing endpoints"][:2] == ("Look", "2")
    assert "1 of them for more than an hour." in told["Failing endpoints"][2]
    assert told["Disabled today"][:3] == ("Look", "2", "In the last 24 hours: 1 by the service, 1 by people.")


@pytest.mark.parametrize(
    ("state", "workers", "broker"),
    [
        (BrokerState("unreachable", "unknown"), ("Not known", "Unknown"), ("Down", "Not reachable")),
        (BrokerState("ok", "none"), ("Nothing is sent", "None seen"), ("Fine", "Reachable")),
        (BrokerState("embedded", "ok"), ("Fine", "Seen"), ("Fine", "Embedded")),
    ],
)
def test_broker_and_workers_are_told_apart(
    app: App,
    superuser: Client,
    monkeypatch: pytest.MonkeyPatch,
    state: BrokerState,
    workers: tuple[str, str],
    broker: tuple[str, str],
) -> None:
    monkeypatch.setattr(dashboard, "broker_state", lambda _: state)

    told = figures(superuser)

    assert (told["Workers"][:2], told["Broker"][:2]) == (workers, broker)


def test_a_worker_that_is_late_is_told(app: App, superuser: Client) -> None:
    past = timezone.now() - MINUTE
    make_delivery(make_event(app), make_endpoint(app), DeliveryStatus.SENDING, leased_until=past)

    word, value, note, _ = figures(superuser)["Workers"]

    assert (word, value) == ("Some are late", "Seen")
    assert note == "1 delivery is being sent, 1 of them by a worker that is late."


def test_a_broker_that_is_down_does_not_break_the_page(
    app: App, superuser: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S44."""
    settings.CELERY_EMBEDDED = False
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setattr(health, "_probe", health._Probe())
    monkeypatch.setattr(dashboard, "broker_state", health.broker_state)

    told = figures(superuser)

    assert told["Broker"][:2] == ("Down", "Not reachable")
    assert told["Broker"][2] == "Events are accepted and kept; they are delivered once it is back."
    assert dashboard.BROKER_WAIT_SECONDS == 1


def test_a_broker_that_hangs_is_waited_for_no_longer_than_so(
    app: App, superuser: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S44."""
    answered = threading.Event()

    def hang() -> BrokerState:
        answered.wait(30)
        return BrokerState("ok", "ok")

    settings.CELERY_EMBEDDED = False
    monkeypatch.setattr(health, "_ask_broker", hang)
    monkeypatch.setattr(health, "_probe", health._Probe())
    monkeypatch.setattr(dashboard, "broker_state", health.broker_state)
    monkeypatch.setattr(dashboard, "BROKER_WAIT_SECONDS", 0.01)

    told = figures(superuser)
    answered.set()

    assert (told["Broker"][:2], told["Workers"][:2]) == (("Down", "Not reachable"), ("Not known", "Unknown"))


def test_the_page_makes_the_same_queries_however_much_there_is(app: App, superuser: Client) -> None:
    def add_rows() -> None:
        for number in range(3):
            endpoint = make_endpoint(make_app(f"Shop {number}").app)
            make_delivery(make_event(endpoint.app), endpoint)
            make_event(endpoint.app)
        Lane.objects.update(fresh_from=timezone.now(), failing_since=timezone.now())
        count(app, bucket_start(timezone.now(), dt.timedelta(seconds=10)), deliveries=3)

    count(app, bucket_start(timezone.now() - MINUTE, dt.timedelta(seconds=10)), deliveries=3)
    superuser.get("/admin/")
    with CaptureQueriesContext(connection) as few:
        superuser.get("/admin/")
    add_rows()
    with CaptureQueriesContext(connection) as many:
        superuser.get("/admin/")

    # In PostgreSQL three more: a transaction of its own for what a whole table must not be read for.
    assert len(many) == len(few) == (16 if connection.vendor == "postgresql" else 13)


def test_any_id_leads_to_its_object(app: App, superuser: Client) -> None:
    endpoint = make_endpoint(app)
    delivery = make_delivery(make_event(app), endpoint)
    rows: dict[str, Any] = {
        "deliveries/delivery": delivery,
        "deliveries/attempt": make_attempt(delivery),
        "events/event": delivery.event,
        "webhooks/endpoint": endpoint,
        "webhooks/app": app,
        "webhooks/organization": make_organization(app),
        "webhooks/apikey": ApiKey.objects.all()[0],
        "webhooks/auditentry": AuditEntry.objects.all()[0],
    }
    for model, row in rows.items():
        bare = row.public_id.partition("_")[2]
        for text in (row.public_id, bare, str(row.pk), row.pk.hex.upper(), f"  {row.public_id} "):
            answer = superuser.get("/admin/find/", {"id": text})
            assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/{model}/{row.pk}/change/"), text


def test_an_id_that_nothing_has_is_told_and_kept(app: App, superuser: Client) -> None:
    missing = to_public_id(Prefix.DELIVERY, new_id())
    for text in (missing, "dlv_", "<b>x</b>", "x" * 5_000, "\x00", str(new_id())):
        answer = superuser.get("/admin/find/", {"id": text})
        assert answer.status_code == (200 if text == "\x00" else 404)
        assert "<b>x</b>" not in answer.content.decode()
    assert f'value="{missing}"' in superuser.get("/admin/find/", {"id": missing}).content.decode()
    assert superuser.get("/admin/find/").status_code == 200


def test_s37_finding_shows_nobody_what_they_may_not_see(app: App, staff: Staff) -> None:
    endpoint = make_endpoint(app)
    delivery = make_delivery(make_event(app), endpoint)
    client = staff("view_delivery")

    assert client.get("/admin/find/", {"id": delivery.public_id}).status_code == 302
    assert client.get("/admin/find/", {"id": endpoint.public_id}).status_code == 404
    answer = Client().get("/admin/find/", {"id": delivery.public_id})
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")


def test_finding_looks_each_kind_up_once(superuser: Client) -> None:
    superuser.get("/admin/")
    with CaptureQueriesContext(connection) as queries:
        superuser.get("/admin/find/", {"id": str(new_id())})

    # A session and a user beside them.
    assert len(queries) == 14
