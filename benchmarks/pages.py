"""How long the pages take with a million deliveries of a week, for a Builder who is signed in, and an operator."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import requests  # noqa: TID251 (a client of the product, not a part of it)
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.past_week import fill_past_week
from benchmarks.product import product
from benchmarks.report import Report, Target, percentile
from benchmarks.scale import Scale
from benchmarks.seed import ACTOR, RECEIVER_TYPE, seed_app
from benchmarks.stack import HOST, Stack
from deliveries.models import Delivery, DeliveryStatus
from deliveries.tally import count_traffic
from events.models import Event
from switera_webhooks.ids import Prefix, new_id, to_public_id
from switera_webhooks.keyset import Cursor
from switera_webhooks.times import iso
from webhooks.members import add_member
from webhooks.models import App, Role
from webhooks.views.access import Section

ENDPOINTS = 50
TYPES = 20
REQUESTS = 20
# Every process has its templates and its connections by then.
BEFOREHAND = 4
TIMEOUT_SECONDS = 60.0
MOST_MS = 100.0


@dataclass(frozen=True)
class Found:
    """Milliseconds of each request; `status` of the last."""

    status: int
    times: list[float]


def run(stack: Stack, scale: Scale, report: Report) -> None:
    deliveries = scale.pick(20_000, 1_000_000, 10_000_000)
    app = seed_app([f"http://127.0.0.1:9/{number}" for number in range(ENDPOINTS)])
    user = User.objects.create_user("builder")
    add_member(app, user, Role.OWNER, ACTOR)
    started = time.monotonic()
    fill_past_week(app, deliveries, [RECEIVER_TYPE.format(number) for number in range(TYPES)])
    report.figures["seconds to seed"] = time.monotonic() - started
    started = time.monotonic()
    count_traffic()
    report.figures["seconds to count a week"] = time.monotonic() - started
    stack.settle()
    report.missing("pages", deliveries + 1, Delivery.objects.count())
    cookie, operator_cookie = _session_of(user), _session_of(User.objects.create_superuser("operator"))
    paths = {**_paths(app), **_admin_paths(app)}
    with product(stack, web=True) as running, requests.Session() as session:
        session.trust_env = False
        session.headers.update({"Host": HOST})
        for name, path in paths.items():
            asks = operator_cookie if path.startswith("/admin/") else cookie
            session.headers["Cookie"] = f"{settings.SESSION_COOKIE_NAME}={asks}"
            found = _ask(session, f"http://127.0.0.1:{running.port}{path}")
            if found.status != 200:
                report.targets.append(Target(f"page {name}: answers 200", False, str(found.status)))
                continue
            note = f"median {percentile(found.times, 0.5):.0f}"
            slow = percentile(found.times, 0.95)
            report.add(f"page {name}, {deliveries:,} deliveries: p95", "ms", [slow], at_most=MOST_MS, note=note)


def _session_of(user: User) -> str:
    """A session of this user, as the sign-in makes it."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _ask(session: requests.Session, url: str) -> Found:
    times = []
    for _ in range(BEFOREHAND + REQUESTS):
        started = time.monotonic()
        answer = session.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        times.append((time.monotonic() - started) * 1000)
    return Found(answer.status_code, times[BEFOREHAND:])


def _paths(app: App) -> Mapping[str, str]:
    """The pages by name, every filter of the list of deliveries, and what makes them slow."""
    base = f"/apps/{app.slug}/webhooks"
    endpoint = app.endpoints.order_by("id")[ENDPOINTS // 2]
    failed = Delivery.objects.filter(app=app, status=DeliveryStatus.FAILED).order_by("-id")[0]
    event = Event.objects.get(pk=failed.event_id)
    middle = Delivery.objects.filter(app=app).order_by("id")[Delivery.objects.count() // 3]
    day_ago = timezone.now() - timedelta(days=1)
    filters = {
        "status=failed": {"status": "failed"},
        "status=pending": {"status": "pending"},
        "status=canceled, of which there is none": {"status": "canceled"},
        "event type": {"type": event.type},
        "endpoint": {"endpoint": endpoint.public_id},
        "endpoint and status": {"endpoint": endpoint.public_id, "status": "failed"},
        "response status": {"response": "401"},
        "response status, of which there is none": {"response": "418"},
        "error code": {"response": "timeout"},
        "last 7 days, real": {"when": "7d", "test": "no"},
        "test sends, of which there is none": {"test": "yes"},
        "event id": {"q": event.public_id},
        "delivery id": {"q": failed.public_id},
        "an hour of a day ago": {"after": iso(day_ago), "before": iso(day_ago + timedelta(hours=1))},
        "deep cursor": {"cursor": Cursor(str(middle.pk), backward=False).encode()},
    }
    return {
        "home": "/",
        "overview, 24 hours": f"{base}/",
        "overview, 7 days": f"{base}/?period=7d",
        "overview, test environment": f"/apps/{app.slug}/test/webhooks/",
        "endpoints": f"{base}/endpoints/",
        "adding an endpoint": f"{base}/endpoints/add/",
        "endpoint": f"{base}/endpoints/{endpoint.public_id}/",
        "an endpoint's settings": f"{base}/endpoints/{endpoint.public_id}/settings/",
        "an endpoint's verification": f"{base}/endpoints/{endpoint.public_id}/setup/",
        "deliveries": f"{base}/deliveries/",
        **{f"deliveries, {name}": f"{base}/deliveries/?{urlencode(values)}" for name, values in filters.items()},
        "delivery": f"{base}/deliveries/{failed.public_id}/",
        "retrying all that failed, counted": f"{base}/deliveries/replay/?kind=failed",
        "replays": f"{base}/replays/",
        "event catalog": f"{base}/event-catalog/",
        "event type": f"{base}/event-catalog/{event.type}/",
        "test send": f"{base}/test-send/",
        **{section.label: reverse(f"live:{section.route}", args=[app.slug]) for section in Section},
    }


def _admin_paths(app: App) -> Mapping[str, str]:
    """The admin site: its dashboard, the lists of history, and the filters and searches that are hardest to serve."""
    endpoint = app.endpoints.order_by("id")[ENDPOINTS // 2]
    failed = Delivery.objects.filter(app=app, status=DeliveryStatus.FAILED).order_by("-id")[0]
    filters = {
        "status=failed": {"status": "failed"},
        "waiting for a retry": {"status": "retrying"},
        "status=canceled, of which there is none": {"status": "canceled"},
        "error code": {"error": "timeout"},
        "error code, of which there is none": {"error": "blocked_address"},
        "event type": {"q": failed.event_type},
        "app": {"q": app.public_id},
        "endpoint and status": {"q": endpoint.public_id, "status": "failed"},
        "event id without its prefix": {"q": str(failed.event_id)},
        "an id that nothing has": {"q": str(new_id())},
    }
    deliveries = "/admin/deliveries/delivery/"
    return {
        "admin, dashboard": "/admin/",
        "admin, deliveries": deliveries,
        **{f"admin, deliveries, {name}": f"{deliveries}?{urlencode(values)}" for name, values in filters.items()},
        "admin, last page of deliveries": f"{deliveries}?p=20",
        "admin, delivery": f"{deliveries}{failed.pk}/change/",
        "admin, attempts": "/admin/deliveries/attempt/",
        "admin, attempts, error code, of which there is none": "/admin/deliveries/attempt/?error=blocked_address",
        "admin, attempts of an event": f"/admin/deliveries/attempt/?q={to_public_id(Prefix.EVENT, failed.event_id)}",
        "admin, events": "/admin/events/event/",
        "admin, endpoints": "/admin/webhooks/endpoint/",
        "admin, endpoints, pending retries": "/admin/webhooks/endpoint/?pending=retries",
        "admin, audit entries of an endpoint": f"/admin/webhooks/auditentry/?q={endpoint.public_id}",
    }
