"""Many endpoints' health at once: the same as each one's own."""

import datetime as dt
from collections import Counter
from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.endpoint_facts import app_health_of, health_of, held_count_of, in_attention, with_facts
from deliveries.models import DeliveryStatus, Lane
from tests.factories import make_app, make_delivery, make_endpoint, make_event
from webhooks.health import Health
from webhooks.models import App, Endpoint

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


def make_endpoints_of_all_kinds(app: App) -> None:
    now = timezone.now()
    event = make_event(app)
    kinds = product(
        (["*"], []),
        (None, "manual", "gone", "sustained_failure"),
        (None, now - 48 * HOUR),
        (None, now - 48 * HOUR),
        (None, now - 23 * HOUR, now - 25 * HOUR),
        (False, True),
    )
    endpoints = [make_endpoint(app) for _ in range(2 * 4 * 2 * 2 * 3 * 2)]
    for endpoint, (types, reason, success, test_success, exhausted, waits) in zip(endpoints, kinds, strict=True):
        Endpoint.objects.filter(pk=endpoint.pk).update(
            event_types=types, disabled_reason=reason, disabled_at=now if reason else None
        )
        Lane.objects.filter(pk=endpoint.pk).update(
            last_success_at=success, last_test_success_at=test_success, last_exhausted_at=exhausted
        )
        if waits:
            make_delivery(event, endpoint, DeliveryStatus.PENDING, turn=2, attempt_count=1)


def test_counts_by_health_and_who_needs_attention_agree_with_each_endpoints_health() -> None:
    app = make_app().app
    make_endpoints_of_all_kinds(app)
    rows = list(with_facts(Endpoint.objects.in_scope(app, "live")))
    with CaptureQueriesContext(connection) as queries:
        found = app_health_of(app, "live")
    assert len(queries) == 1
    assert found.counts == Counter(health_of(row) for row in rows)
    assert all(found.counts[health] for health in Health)
    assert found.disabled == Counter(health_of(row) for row in rows if row.disabled_reason is not None)
    attention = in_attention(Endpoint.objects.in_scope(app, "live"))
    assert {row.pk for row in attention} == {row.pk for row in rows if health_of(row) == Health.ATTENTION}


def test_no_endpoints_are_none_of_each_health() -> None:
    found = app_health_of(make_app().app, "live")
    assert (found.counts, found.disabled.total()) == (Counter(dict.fromkeys(Health, 0)), 0)


def test_what_is_held_is_counted_as_far_as_it_is_asked_for() -> None:
    app = make_app().app
    disabled, enabled = make_endpoint(app), make_endpoint(app)
    for endpoint in (disabled, enabled):
        for number in range(4):
            make_delivery(make_event(app), endpoint, DeliveryStatus.PENDING, test=number == 0)
    Endpoint.objects.filter(pk=disabled.pk).update(disabled_at=timezone.now(), disabled_reason="manual")

    def held(most: int | None) -> list[int]:
        rows = with_facts(Endpoint.objects.order_by("id"), held_at_most=most)
        return [held_count_of(row) for row in rows]

    assert [held(None), held(3), held(2), held(1)] == [[3, 0], [3, 0], [3, 0], [2, 0]]
