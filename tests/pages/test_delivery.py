"""The page of one delivery: what happened and why, each attempt, and what a person may do."""

import datetime as dt
import json

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.delivery_actions import cancel_delivery
from deliveries.endpoints import EndpointFields, create_endpoint, delete_endpoint
from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus, Lane
from events.models import EventType
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.demo import Demo
from tests.factories import ACTOR, URL, make_attempt, make_delivery, make_endpoint, make_event
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.models import AuditEntry

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _any_data(demo: Demo) -> None:
    """What tests emit need not fit the demo's schema."""
    EventType.objects.update(schema=None)


def path_of(demo: Demo, outcome: str) -> str:
    return f"{demo.path}deliveries/{demo.deliveries[outcome].public_id}/"


def state_of(delivery: Delivery) -> tuple[str, int, dt.datetime | None]:
    delivery.refresh_from_db()
    return delivery.status, delivery.schedule_position, delivery.due_at


def test_a_failure_begins_with_its_likely_cause_and_one_next_step(demo: Demo, owner: Client) -> None:
    text = owner.get(path_of(demo, "failed")).content.decode()

    verdict = text.index("certificate has expired or is not valid yet.</strong>")
    assert text.index("Summary") < verdict < text.index('id="attempts-head"')
    assert "When does the certificate of portal.northwind.example end?" in text
    assert "<strong>Next:</strong> Renew the certificate of portal.northwind.example" in text
    assert "Nothing more is tried by itself." in text
    assert f"test-send/?endpoint={demo.ids['Old portal']}&amp;type=invoice.created" in text


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ("succeeded", "<strong>Delivered.</strong> Warehouse answered 200 after 62 ms."),
        ("retrying", "The receiver refused the request (401).</strong>"),
        ("pending", "<strong>Waits for its first attempt.</strong>"),
        ("sending", "<strong>Being sent now.</strong>"),
        ("held", "<strong>Held, because Sandbox ERP is disabled.</strong>"),
        ("canceled", "<strong>Canceled.</strong> Nothing more is sent."),
    ],
)
def test_every_state_has_its_verdict(demo: Demo, owner: Client, outcome: str, verdict: str) -> None:
    text = owner.get(path_of(demo, outcome)).content.decode()

    assert verdict in text
    # It is asked again only while something may still happen by itself.
    assert ("data-live " in text) == (outcome in ("retrying", "pending", "sending", "held"))


def test_the_timeline_tells_how_long_each_attempt_took_and_the_wait_between(demo: Demo, owner: Client) -> None:
    answer = owner.get(path_of(demo, "retrying"))
    text = answer.content.decode()

    assert [entry.attempt.number for entry in answer.context["timeline"]] == [3, 2, 1]
    # 33 and 1 min from beginning to beginning; each took 48 ms.
    assert "33 min after the one before" in text
    assert "1 min after the one before" in text
    assert "Attempt 4</strong>" in text
    assert "by the schedule 30 min after attempt 3, ± 20 %" in text
    assert "<dd>3 of 10</dd>" in text


def test_an_open_breaker_says_why_nothing_goes_out_before(demo: Demo, owner: Client) -> None:
    until = timezone.now() + dt.timedelta(hours=1)
    Lane.objects.filter(pk=demo.endpoints["Billing"].pk).update(open_until=until)

    answer = owner.get(path_of(demo, "retrying"))

    assert answer.context["next_attempt_at"] == until
    assert "Billing failed so often in a row that deliveries to it rest" in answer.content.decode()


def test_numbers_go_on_after_a_retry_by_hand_so_they_are_not_told_of_ten(demo: Demo, owner: Client) -> None:
    delivery = demo.deliveries["retrying"]
    Delivery.objects.filter(pk=delivery.pk).update(schedule_position=1)

    assert "<dd>3</dd>" in owner.get(path_of(demo, "retrying")).content.decode()


def test_an_attempt_is_chosen_by_number_or_id_without_scripts(demo: Demo, owner: Client) -> None:
    delivery = demo.deliveries["retrying"]
    first = Attempt.objects.get(delivery=delivery, number=1)
    Attempt.objects.filter(pk=first.pk).update(response_body="first answer", response_status=418)
    path = path_of(demo, "retrying")

    for query in ("?attempt=1", f"?attempt={first.public_id}"):
        text = owner.get(path + query).content.decode()
        assert '<h2 id="attempt-head">Attempt 1</h2>' in text
        assert "first answer" in text
    for query in ("", "?attempt=9", "?attempt=x"):
        text = owner.get(path + query).content.decode()
        assert '<h2 id="attempt-head">Attempt 3</h2>' in text
        assert "first answer" not in text


def test_a_request_is_shown_as_it_went_out_but_for_what_is_kept_nowhere(demo: Demo, owner: Client) -> None:
    """S25, S26: header values are secrets, and the signature of an attempt is not stored."""
    given = EndpointFields(f"{URL}?tenant=7", ["*"], headers={"X-Token": "very-secret"})
    endpoint = create_endpoint(demo.app, Environment.LIVE, given, ACTOR).endpoint
    delivery = make_delivery(make_event(demo.app), endpoint, DeliveryStatus.FAILED)
    attempt = make_attempt(delivery)

    shown = owner.get(f"{demo.path}deliveries/{delivery.public_id}/").context["exchange"]

    lines = shown.request_head.split("\n")
    assert lines[0] == "POST /hooks?tenant=7 HTTP/1.1"
    assert "host: 192.0.78.1" in lines
    assert f"webhook-id: {delivery.event.public_id}" in lines
    assert f"webhook-timestamp: {int(attempt.started_at.timestamp())}" in lines
    assert "switera-attempt: 1" in lines
    assert "X-Token: <value not shown>" in lines
    assert "very-secret" not in str(shown)
    assert shown.request_body == delivery.event.payload
    assert json.loads(shown.request_pretty) == json.loads(delivery.event.payload)
    assert shown.response_head == "500 Internal Server Error\ncontent-type: text/plain"
    assert (shown.response_body, shown.response_pretty) == ("no", "")


def test_a_body_that_was_cut_off_is_marked(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "succeeded")
    assert b"Cut off" not in owner.get(path).content
    Attempt.objects.filter(delivery=demo.deliveries["succeeded"]).update(response_truncated=True)
    assert b"Cut off" in owner.get(path).content


def test_an_edit_after_the_attempt_is_said(demo: Demo, owner: Client) -> None:
    assert b"those of now" not in owner.get(path_of(demo, "pending")).content
    demo.endpoints["Warehouse"].save()
    assert b"URL and header names are those of now." in owner.get(path_of(demo, "succeeded")).content


def test_s35_all_that_a_receiver_answered_is_text(demo: Demo, owner: Client) -> None:
    script = "<script>alert(1)</script>"
    delivery = demo.deliveries["retrying"]
    Attempt.objects.filter(delivery=delivery).update(
        response_body=script, response_headers=[["x-evil", script], [script, "y"]], error=script
    )
    demo.endpoints["Billing"].name = script
    demo.endpoints["Billing"].save()

    answer = owner.get(path_of(demo, "retrying"))

    assert script not in answer.content.decode()
    assert answer.content.decode().count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


def test_the_other_deliveries_of_the_event_are_one_click_away(demo: Demo, owner: Client) -> None:
    delivery = demo.deliveries["succeeded"]
    other = make_delivery(delivery.event, demo.endpoints["CRM sync"], DeliveryStatus.FAILED, response_status=503)

    text = owner.get(path_of(demo, "succeeded")).content.decode()

    assert "Its other deliveries" in text
    assert f'<a href="{demo.path}deliveries/{other.public_id}/">CRM sync</a>' in text
    assert "It goes to no other endpoint." in owner.get(path_of(demo, "failed")).content.decode()


def test_another_delivery_that_is_held_is_called_so(demo: Demo, owner: Client) -> None:
    event = demo.deliveries["succeeded"].event
    make_delivery(event, demo.endpoints["Sandbox ERP"], DeliveryStatus.PENDING, due_at=timezone.now())

    text = owner.get(path_of(demo, "succeeded")).content.decode()

    others = text.split("Its other deliveries")[1].split("</ul>")[0]
    assert "Sandbox ERP" in others
    assert "Held" in others
    assert "Pending" not in others


def test_the_live_part_comes_only_when_something_changed(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "retrying")
    seen = HTMX | {"X-Digest": owner.get(path).context["digest"]}

    assert owner.get(path, headers=seen).status_code == 204
    delivery = demo.deliveries["retrying"]
    make_attempt(
        delivery, 4, status=AttemptStatus.SUCCEEDED, response_status=204, error_code="", error="", response_body=""
    )
    Delivery.objects.filter(pk=delivery.pk).update(status=DeliveryStatus.SUCCEEDED, due_at=None)
    changed = owner.get(path, headers=seen)
    assert changed.status_code == 200
    text = changed.content.decode()
    assert text.strip().startswith('<div id="delivery" class="stack">')
    assert "Billing answered 204 after 12 ms, at attempt 4." in text


def test_s46_retrying_makes_it_pending_now_and_is_on_record(demo: Demo, owner: Client) -> None:
    delivery = demo.deliveries["failed"]

    answer = owner.post(f"{path_of(demo, 'failed')}retry/", follow=True)

    assert answer.redirect_chain == [(path_of(demo, "failed"), 302)]
    status, position, due_at = state_of(delivery)
    assert (status, position) == ("pending", 0)
    assert due_at is not None
    assert "One attempt is made now. If it fails, the schedule starts again." in answer.content.decode()
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor_name, entry.target_id, entry.ip) == (
        "delivery.retried",
        "ada",
        delivery.public_id,
        "192.0.2.7",
    )


def test_retrying_on_a_disabled_endpoint_says_that_it_is_held(demo: Demo, owner: Client) -> None:
    answer = owner.post(f"{path_of(demo, 'held')}retry/", follow=True)

    assert "It is held with the endpoint&#x27;s others" in answer.content.decode()


def test_what_is_being_sent_is_not_retried(demo: Demo, owner: Client) -> None:
    entries = AuditEntry.objects.count()

    answer = owner.post(f"{path_of(demo, 'sending')}retry/", follow=True)

    assert "This delivery is being sent: wait until it ends." in answer.content.decode()
    assert state_of(demo.deliveries["sending"])[0] == "sending"
    assert AuditEntry.objects.count() == entries


def test_s46_canceling_ends_what_waits_and_is_on_record(demo: Demo, owner: Client) -> None:
    answer = owner.post(f"{path_of(demo, 'retrying')}cancel/", follow=True)

    assert state_of(demo.deliveries["retrying"])[0] == "canceled"
    assert "Canceled: nothing more is sent, unless you retry it." in answer.content.decode()
    assert AuditEntry.objects.latest("id").action == "delivery.canceled"
    again = owner.post(f"{path_of(demo, 'retrying')}cancel/", follow=True)
    assert "Only a pending delivery can be canceled." in again.content.decode()


def test_s29_a_curl_command_is_given_on_demand_and_is_on_record(demo: Demo, owner: Client) -> None:
    given = EndpointFields(URL, ["*"], headers={"X-Token": "very-secret"})
    endpoint = create_endpoint(demo.app, Environment.LIVE, given, ACTOR).endpoint
    delivery = make_delivery(make_event(demo.app), endpoint, DeliveryStatus.FAILED)
    path = f"{demo.path}deliveries/{delivery.public_id}/curl/"

    part = owner.post(path, headers=HTMX)
    page = owner.post(path)

    assert part.content.decode().strip().startswith('<section class="panel stack" aria-labelledby="curl-head"')
    assert b'<html lang="en">' in page.content
    for answer in (part, page):
        assert answer.status_code == 200
        command = answer.context["command"]
        assert command.startswith("curl --include --globoff --path-as-is https://192.0.78.1/hooks")
        assert "webhook-signature: v1," in command
        assert "X-Token: <value of X-Token>" in command
        assert b"very-secret" not in answer.content
        assert b"The audit log says that you were given it." in answer.content
    assert [entry.action for entry in AuditEntry.objects.order_by("-id")[:2]] == ["delivery.curl.signed"] * 2


def test_a_deleted_endpoint_has_nothing_to_sign_with_and_is_not_retried(demo: Demo, owner: Client) -> None:
    delete_endpoint(demo.endpoints["Old portal"], ACTOR)
    entries = AuditEntry.objects.count()

    answer = owner.post(f"{path_of(demo, 'failed')}curl/", headers=HTMX)
    page = owner.get(path_of(demo, "failed")).content.decode()

    assert answer.status_code == 409
    assert "there is no secret to sign with" in answer.content.decode()
    assert AuditEntry.objects.count() == entries
    assert "Old portal" in page
    assert "(deleted)" in page
    for words in ("Retry now", "Copy as cURL", "Renew the certificate"):
        assert words not in page
    assert "Nothing is left to do: Old portal is deleted." in page


@pytest.mark.parametrize("action", ["retry", "cancel", "curl"])
def test_s37_a_viewer_changes_and_reveals_nothing(demo: Demo, viewer: Client, action: str) -> None:
    entries = AuditEntry.objects.count()
    before = state_of(demo.deliveries["retrying"])

    answer = viewer.post(f"{path_of(demo, 'retrying')}{action}/")
    page = viewer.get(path_of(demo, "retrying")).content.decode()

    assert answer.status_code == 403
    assert b"v1," not in answer.content
    assert state_of(demo.deliveries["retrying"]) == before
    assert AuditEntry.objects.count() == entries
    assert "Attempt 3" in page
    for words in ("Retry now", "Copy as cURL", "/cancel/", "Send a test"):
        assert words not in page


@pytest.mark.parametrize("action", ["retry", "cancel", "curl"])
def test_s33_actions_find_this_apps_deliveries_of_this_environment_alone(
    demo: Demo, owner: Client, action: str
) -> None:
    entries = AuditEntry.objects.count()
    keys = [
        demo.deliveries["foreign"].public_id,
        demo.deliveries["test environment"].public_id,
        to_public_id(Prefix.DELIVERY, new_id()),
        "dlv_",
    ]

    answers = [owner.post(f"{demo.path}deliveries/{key}/{action}/") for key in keys]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.content for answer in answers}) == 1
    assert AuditEntry.objects.count() == entries
    # Looking is no change: a link that leads there changes nothing.
    assert owner.get(f"{path_of(demo, 'retrying')}{action}/").status_code == 404


def test_queries_do_not_grow_with_attempts_and_other_deliveries(demo: Demo) -> None:
    delivery = demo.deliveries["retrying"]

    def add_rows() -> None:
        for number in range(4, 9):
            make_attempt(delivery, number)
            make_delivery(delivery.event, make_endpoint(demo.app))

    # What waits for its event's first other delivery has one less to ask for.
    make_delivery(delivery.event, make_endpoint(demo.app))
    assert_query_count("delivery", client_of(demo.owner), path_of(demo, "retrying"), add_rows)


def test_what_was_canceled_after_a_failure_says_both(demo: Demo, owner: Client) -> None:
    cancel_delivery(demo.deliveries["retrying"], ACTOR)

    text = owner.get(path_of(demo, "retrying")).content.decode()

    assert "The receiver refused the request (401)." in text
    assert "It was canceled after that: nothing more is sent." in text
