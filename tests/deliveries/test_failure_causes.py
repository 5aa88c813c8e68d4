"""What a failure most likely means, in words."""

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from deliveries.error_codes import ErrorCode
from deliveries.failure_causes import Cause, FailureFacts, likely_cause
from deliveries.failure_facts import causes_of, causes_of_failures
from deliveries.models import Attempt, AttemptStatus, Delivery, Lane
from deliveries.statistics import latest_failures
from deliveries.tally import count_traffic
from tests.deliveries.traffic import fail_at, make_delivery_at
from tests.factories import ACTOR, make_app, make_attempt, make_delivery, make_endpoint, make_event
from webhooks.models import Endpoint, EndpointSecret
from webhooks.secrets import rotate_secret

NOW = dt.datetime(2026, 11, 23, 15, 2, tzinfo=dt.UTC)
FACTS = FailureFacts(
    error_code=ErrorCode.HTTP_STATUS,
    error="The receiver answered with a status other than 2xx (status 401).",
    endpoint="Billing",
    url="https://hooks.example.com/in",
    timeout=15.0,
    since=NOW,
    message_bytes=217_000,
)
NAMED_STATUSES = [400, 401, 403, 404, 405, 408, 410, 413, 415, 422, 429, 500, 502, 503, 504]


def cause(code: ErrorCode = ErrorCode.HTTP_STATUS, **facts: Any) -> Cause:
    return likely_cause(replace(FACTS, error_code=code, **{"error": code.sentence, **facts}))


def refused(status: int, **facts: Any) -> Cause:
    return cause(status=status, **facts)


def all_causes() -> list[Cause]:
    statuses = (*NAMED_STATUSES, 402, 409, 451, 507, 520, 600)
    other_codes = set(ErrorCode) - {ErrorCode.HTTP_STATUS, ErrorCode.REDIRECT}
    return [
        *(refused(status) for status in statuses),
        *(refused(status, retry_after="120") for status in (429, 503)),
        *(cause(code) for code in sorted(other_codes)),
        *(cause(ErrorCode.REDIRECT, status=301, location=to) for to in ("", "/in/", "/login/?next=/in")),
        cause(ErrorCode.TIMEOUT, status=200),
        cause(ErrorCode.CONNECTION_REFUSED, error="No connection (the egress proxy cannot be reached)."),
        refused(403, response_body="CSRF verification failed."),
        refused(401, secret_rotated_at=NOW, old_secret_ended_at=NOW),
        refused(401, secret_rotated_at=NOW),
    ]


def test_every_code_and_status_has_a_cause_in_complete_sentences() -> None:
    causes = all_causes()

    assert len(causes) == len(set(causes)) == 21 + 2 + (len(ErrorCode) - 2) + 3 + 5
    for one in causes:
        assert one.checks
        for text in (one.title, one.explanation, *one.checks, one.action):
            assert re.fullmatch(r"\S.*[.?]", text), text
            assert not re.search(r"[{}<>]|None|  |\.\.", text), text
        assert one.action.endswith(("retry.", "itself.", "service.")), one.action


def test_the_titles_of_statuses_name_them() -> None:
    assert [status for status in (*NAMED_STATUSES, 418, 511) if str(status) not in refused(status).title] == []


def test_a_code_says_in_its_title_what_happened() -> None:
    error = "The receiver's certificate has expired or is not valid yet (certificate has expired)."

    assert cause(ErrorCode.TLS_EXPIRED, error=error) == Cause(
        error,
        "Its renewal most likely failed, or the server was not told to use the new one.",
        (
            "When does the certificate of hooks.example.com end?",
            "Was the server loaded again after the last renewal?",
            "Is its first day still to come?",
        ),
        "Renew the certificate of hooks.example.com, load the server again, send one test, then retry.",
    )


def test_a_blocked_address_repeats_the_verdict_of_the_guard() -> None:
    error = (
        "Nothing was sent: hooks.example.com leads where no request may go: 10.0.0.5 is a private address (10.0.0.0/8)."
    )

    assert cause(ErrorCode.BLOCKED_ADDRESS, error=error).explanation == (
        "The address guard says: hooks.example.com leads where no request may go: 10.0.0.5 is a private address "
        "(10.0.0.0/8). Messages go to public addresses only, so that nobody can reach into a private network through "
        "this service."
    )


def test_a_timeout_names_the_time_that_there_was() -> None:
    assert "within 2.5 s." in cause(ErrorCode.TIMEOUT, timeout=2.5).explanation
    assert "its status (200)" in cause(ErrorCode.TIMEOUT, status=200).explanation


def test_a_redirect_tells_where_to() -> None:
    moved = cause(ErrorCode.REDIRECT, status=308, location="https://hooks.example.com/in/")
    sign_in = cause(ErrorCode.REDIRECT, status=302, location="https://hooks.example.com/accounts/login/?next=/in")

    assert moved.title == "The receiver answered with a redirect (308)."
    assert moved.explanation.endswith("the redirect points to https://hooks.example.com/in/.")
    assert sign_in.title.startswith("The receiver asks for a sign-in (redirect to https://hooks.example.com/accounts")
    # Its own path has the word too.
    assert "sign-in (" not in cause(ErrorCode.REDIRECT, url="https://a.example/auth", location="/auth/").title


@pytest.mark.parametrize("location", ["//[", "{status}", "/" + "x" * 5_000, "http://[::1", "\u2028<b>"])
def test_what_a_receiver_sends_is_text_and_kept_short(location: str) -> None:
    """S35."""
    text = cause(ErrorCode.REDIRECT, status=301, location=location).explanation

    assert location[:150] in text
    assert len(text) < 500


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (dt.timedelta(seconds=0), "0 seconds"),
        (dt.timedelta(seconds=61), "one minute"),
        (dt.timedelta(minutes=59), "59 minutes"),
        (dt.timedelta(hours=24), "24 hours"),
    ],
)
def test_a_refusal_soon_after_a_rotation_is_put_down_to_it(status: int, ago: dt.timedelta, words: str) -> None:
    told = refused(status, secret_rotated_at=NOW - ago, old_secret_ended_at=NOW - ago)

    assert told.title == f"The receiver refused the request ({status})."
    assert told.explanation == (
        f"It most likely checks the signature with an old secret: the secret of Billing was rotated {words} before the "
        "failures began."
    )
    assert told.action == "Put the current secret into the receiver's environment, send one test, then retry."


def test_a_refusal_after_the_overlap_names_the_end_of_the_old_secret() -> None:
    told = refused(401, secret_rotated_at=NOW - dt.timedelta(days=1), old_secret_ended_at=NOW - dt.timedelta(minutes=3))

    assert "the old secret of Billing ended 3 minutes before the failures began." in told.explanation


def test_a_refusal_within_the_overlap_asks_whether_every_signature_is_tried() -> None:
    told = refused(401, secret_rotated_at=NOW - dt.timedelta(minutes=3))

    assert "looks at one signature only" in told.explanation
    assert "every signature" in told.checks[0]


@pytest.mark.parametrize(
    "facts",
    [
        {"status": 500, "secret_rotated_at": NOW, "old_secret_ended_at": NOW},
        {"status": 401, "secret_rotated_at": NOW - dt.timedelta(days=2)},
        {"status": 401, "secret_rotated_at": NOW + dt.timedelta(seconds=1)},
        {"status": 403, "secret_rotated_at": NOW, "response_body": "CSRF verification failed."},
    ],
)
def test_a_rotation_that_has_nothing_to_do_with_it_is_not_mentioned(facts: dict[str, Any]) -> None:
    assert "rotated" not in cause(**facts).explanation


# From rows ---------------------------------------------------------------------------------------------


def make_failing(**endpoint: Any) -> Delivery:
    app = make_app().app
    return make_delivery(make_event(app), make_endpoint(app, name="Billing", **endpoint))


def make_refusal(delivery: Delivery, number: int, **columns: Any) -> Attempt:
    return make_attempt(delivery, number, response_status=401, **columns)


def explained(delivery: Delivery) -> dict[int, str]:
    attempts = list(Attempt.objects.order_by("number"))
    return {number: one.explanation for number, one in causes_of(delivery, attempts).items()}


@pytest.mark.django_db
def test_each_failed_attempt_has_its_cause_at_two_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    delivery = make_failing()
    make_attempt(delivery, 1, response_status=302, error_code="redirect", response_headers=[["Location", "/in/"]])
    make_attempt(delivery, 2, response_status=503, response_headers=[["RETRY-AFTER", "120"]])
    make_attempt(delivery, 3, response_status=None, response_headers=None, error_code="timeout")
    make_attempt(delivery, 4, status=AttemptStatus.SUCCEEDED, response_status=204, error_code="", error="")
    attempts = list(Attempt.objects.order_by("number"))
    delivery = Delivery.objects.select_related("endpoint", "event").get()

    with django_assert_num_queries(2):
        causes = causes_of(delivery, attempts)
    with django_assert_num_queries(0):
        assert causes_of(delivery, attempts[3:]) == {}

    assert list(causes) == [1, 2, 3]
    assert "points to /in/." in causes[1].explanation
    assert causes[2].explanation.endswith("It asked for a pause (Retry-After: 120).")
    assert "within 15 s" in causes[3].explanation


@pytest.mark.django_db
def test_a_rotation_without_overlap_is_seen_in_the_rows() -> None:
    delivery = make_failing()
    make_refusal(delivery, 1, started_at=timezone.now() - dt.timedelta(minutes=10))
    make_attempt(delivery, 2, started_at=timezone.now() - dt.timedelta(minutes=8))
    Endpoint.objects.update(created_at=timezone.now() - dt.timedelta(days=9))
    rotate_secret(delivery.endpoint, 0, ACTOR)
    EndpointSecret.objects.update(created_at=timezone.now() - dt.timedelta(minutes=5))
    make_refusal(delivery, 3, started_at=timezone.now() - dt.timedelta(minutes=4))
    make_refusal(delivery, 4, started_at=timezone.now())
    delivery = Delivery.objects.get()

    words = explained(delivery)

    assert "rotated" not in words[1] + words[2]
    assert "the secret of Billing was rotated one minute before the failures began" in words[3]
    # The same failure goes on.
    assert words[4] == words[3]


@pytest.mark.django_db
def test_a_rotation_with_overlap_is_seen_in_the_rows_and_so_is_the_end_of_the_overlap() -> None:
    now = timezone.now()
    delivery = make_failing()
    rotate_secret(delivery.endpoint, 60, ACTOR)
    EndpointSecret.objects.filter(expires_at=None).update(created_at=now - dt.timedelta(hours=3))
    EndpointSecret.objects.exclude(expires_at=None).update(expires_at=now - dt.timedelta(hours=2))
    refusal = make_refusal(delivery, 1, started_at=now - dt.timedelta(hours=2.5))

    assert "looks at one signature only" in explained(delivery)[1]

    Attempt.objects.filter(pk=refusal.pk).update(started_at=now)
    assert "the old secret of Billing ended 2 hours before" in explained(delivery)[1]
    # The endpoint failed before this delivery was made.
    Lane.objects.update(failing_since=now - dt.timedelta(hours=1.5))
    assert "the old secret of Billing ended 30 minutes before" in explained(delivery)[1]


@pytest.mark.django_db
def test_the_first_secret_of_an_endpoint_is_no_rotation_and_a_deleted_one_has_none() -> None:
    delivery = make_failing()
    make_refusal(delivery, 1)
    assert "rotated" not in explained(delivery)[1]

    EndpointSecret.objects.all().delete()
    assert "rotated" not in explained(delivery)[1]


@pytest.mark.django_db
def test_groups_of_failures_have_their_causes_at_two_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    now = timezone.now() - dt.timedelta(minutes=10)
    endpoint = make_endpoint(make_app().app, name="Billing")
    delivery = make_delivery_at(endpoint, now)
    fail_at(delivery, now, response_status=302, error_code="redirect", response_headers=[["Location", "/in/"]])
    fail_at(delivery, now + dt.timedelta(seconds=1), number=2, response_status=401)
    forgotten = make_delivery_at(endpoint, now)
    fail_at(forgotten, now + dt.timedelta(seconds=2), response_status=None, error_code="timeout", response_headers=None)
    Endpoint.objects.update(created_at=now - dt.timedelta(days=9))
    rotate_secret(endpoint, 0, ACTOR)
    EndpointSecret.objects.update(created_at=now - dt.timedelta(minutes=5))
    count_traffic()
    Attempt.objects.filter(delivery=forgotten).delete()
    failures = latest_failures(endpoint.app, endpoint.environment, 5)

    with django_assert_num_queries(2):
        causes = causes_of_failures(failures)

    assert [failure.delivery_id for failure in failures] == [None, delivery.pk, delivery.pk]
    assert causes[0].title == "The receiver did not answer in time."
    assert "the secret of Billing was rotated 5 minutes before the failures began" in causes[1].explanation
    assert "points to /in/." in causes[2].explanation
