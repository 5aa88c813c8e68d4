"""The tab Test Send: choosing, editing, sending, and what came of it."""

import datetime as dt
import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from deliveries.endpoints import delete_endpoint
from deliveries.models import Delivery
from deliveries.test_send import send_test
from events.models import EventType
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.demo import Demo
from tests.factories import ACTOR, make_attempt, make_endpoint, make_event_type
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.models import AuditEntry, Endpoint

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ORDER = {"order_id": "ord_1", "total": 5}


@pytest.fixture
def path(demo: Demo) -> str:
    return f"{demo.path}test-send/"


def form_of(answer: Any) -> dict[str, str]:
    """What a browser would send from this page."""
    form = answer.context["form"]
    return {name: form[name].value() for name in form.fields}


def sent() -> list[Delivery]:
    """The test sends beside the demo's own, newest first."""
    return list(Delivery.objects.filter(test=True, attempt_count=0).select_related("event").order_by("-id"))


def post(client: Client, path: str, fields: dict[str, str], **more: str) -> HttpResponse:
    return client.post(path, {**fields, **more})  # type: ignore[return-value]


# Choosing ----------------------------------------------------------------------------------------


def test_the_page_begins_with_an_enabled_endpoint_and_the_type_made_for_it(
    demo: Demo, owner: Client, path: str
) -> None:
    given = form_of(owner.get(path))

    assert (given["endpoint"], given["type"]) == (demo.ids["Analytics"], "webhook.test")
    assert json.loads(given["data"]) == {
        "message": "This is a test event from Switera.",
        "sent_by": "ada",
        "endpoint_id": demo.ids["Analytics"],
    }


def test_endpoint_and_type_come_preselected_from_the_address(demo: Demo, owner: Client, path: str) -> None:
    given = form_of(owner.get(f"{path}?endpoint={demo.ids['Sandbox ERP']}&type=order.paid"))

    assert (given["endpoint"], given["type"]) == (demo.ids["Sandbox ERP"], "order.paid")
    assert json.loads(given["data"])["order_id"] == "ord_1042"
    answer = owner.get(f"{path}?type=no.such")
    assert form_of(answer)["type"] == "webhook.test"
    assert "<code>no.such</code> is not in the event catalog" in answer.content.decode()


def test_types_are_grouped_by_what_the_endpoint_is_subscribed_to(demo: Demo, owner: Client, path: str) -> None:
    form = owner.get(f"{path}?endpoint={demo.ids['Billing']}").context["form"]

    groups = {title: [value for value, _ in options] for title, options in form.fields["type"].choices}

    assert list(groups) == ["Made for trying out", "Subscribed by Billing", "Not subscribed"]
    assert groups["Made for trying out"] == ["webhook.test"]
    assert groups["Subscribed by Billing"] == ["invoice.created", "order.paid"]
    assert sum(len(names) for names in groups.values()) == EventType.objects.filter(app=None).count() + 5


def test_s33_only_endpoints_of_the_app_and_environment_can_be_chosen(demo: Demo, owner: Client, path: str) -> None:
    offered = [value for value, _ in owner.get(path).context["form"].fields["endpoint"].choices]

    assert demo.ids["Staging"] not in offered
    assert demo.ids["Foreign"] not in offered
    missing = to_public_id(Prefix.ENDPOINT, new_id())
    answers = [owner.get(f"{path}?endpoint={each}") for each in (demo.ids["Foreign"], missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    there = owner.get(f"{path}?endpoint={demo.ids['Staging']}&type=order.paid")
    assert there.headers["Location"] == f"{demo.test_path}test-send/?endpoint={demo.ids['Staging']}&type=order.paid"
    given = form_of(owner.get(path))
    for each in (demo.ids["Foreign"], demo.ids["Staging"], missing):
        answer = post(owner, path, given, endpoint=each)
        assert answer.status_code == 422
        assert "Choose one of this app&#x27;s endpoints." in answer.content.decode()
    assert sent() == []


def test_without_an_endpoint_the_page_leads_to_the_first_one(demo: Demo) -> None:
    path = f"/apps/{demo.other_app.slug}/webhooks/test-send/"

    html = client_of(demo.owner).get(path).content.decode()

    assert "No endpoint to send to yet" in html
    assert "Add first endpoint" in html
    assert f'href="/apps/{demo.other_app.slug}/webhooks/endpoints/add/"' in html


def test_another_type_brings_its_example_and_keeps_what_was_edited(demo: Demo, owner: Client, path: str) -> None:
    given = form_of(owner.get(f"{path}?endpoint={demo.ids['Billing']}"))

    def choose(**fields: str) -> Any:
        answer = owner.post(path, {**given, **fields, "do": "choose"}, headers=HTMX)
        assert answer.status_code == 200
        assert b"<html" not in answer.content
        return answer

    other = form_of(choose(type="order.paid"))
    assert json.loads(other["data"])["order_id"] == "ord_1042"
    assert (other["filled_type"], other["filled_endpoint"]) == ("order.paid", demo.ids["Billing"])
    elsewhere = form_of(choose(endpoint=demo.ids["Warehouse"], data=given["data"].replace("\n", "\r\n")))
    assert json.loads(elsewhere["data"])["endpoint_id"] == demo.ids["Warehouse"]
    edited = choose(type="order.paid", data='{"mine": 1}')
    assert form_of(edited)["data"] == '{"mine": 1}'
    assert "data.order_id is required." in edited.content.decode()
    assert sent() == []


def test_back_to_the_example_works_with_scripts_and_without(demo: Demo, owner: Client, path: str) -> None:
    given = {**form_of(owner.get(path)), "type": "order.paid", "data": "{ broken", "do": "fill"}

    part, page = owner.post(path, given, headers=HTMX), owner.post(path, given)

    assert b"<html" not in part.content
    assert b"<html" in page.content
    for answer in (part, page):
        assert answer.status_code == 200
        assert json.loads(form_of(answer)["data"])["order_id"] == "ord_1042"
    assert sent() == []


def test_data_is_checked_as_it_is_typed(demo: Demo, owner: Client, path: str) -> None:
    given = form_of(owner.get(f"{path}?type=order.paid"))

    def check(data: str, type: str = "order.paid") -> str:
        answer = owner.post(path, {**given, "type": type, "data": data, "do": "check"}, headers=HTMX)
        assert answer.status_code == 200
        return answer.content.decode()

    assert "Fits the schema of order.paid." in check(json.dumps(ORDER))
    assert "order.refunded has no schema" in check('{"n": 1}', "order.refunded")
    assert "Give a JSON object." in check("[1]", "order.refunded")
    assert "data.total must be an integer." in check('{"order_id": "x", "total": "5"}')
    assert "line 2, column 2" in check("{\n}}")
    assert "Give JSON, such as {}." in check(" ")
    assert sent() == []


# Sending -----------------------------------------------------------------------------------------


def test_a_developer_sends_edited_data(demo: Demo, path: str) -> None:
    developer = client_of(demo.developer)
    given = form_of(developer.get(f"{path}?endpoint={demo.ids['Warehouse']}&type=order.paid"))

    answer = post(developer, path, given, data=json.dumps(ORDER), do="send")

    [delivery] = sent()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{path}{delivery.public_id}/")
    assert (delivery.endpoint_id, delivery.event_type) == (demo.endpoints["Warehouse"].pk, "order.paid")
    assert (delivery.event.data, delivery.event.test, delivery.status) == (ORDER, True, "pending")
    [entry] = AuditEntry.objects.filter(action="endpoint.tested")
    assert (entry.actor_type, entry.actor_name, entry.ip) == ("builder", "dev", "192.0.2.7")
    assert entry.changes == {"event_type": "order.paid", "delivery_id": delivery.public_id}


def test_without_scripts_an_untouched_example_follows_the_chosen_type(demo: Demo, owner: Client, path: str) -> None:
    given = form_of(owner.get(path))

    post(owner, path, given, type="order.paid", endpoint=demo.ids["Warehouse"])

    [delivery] = sent()
    assert delivery.endpoint_id == demo.endpoints["Warehouse"].pk
    assert delivery.event.data == EventType.objects.get(app=demo.app, name="order.paid").example


def test_a_disabled_endpoint_and_one_that_is_not_subscribed_get_it_too(demo: Demo, owner: Client, path: str) -> None:
    answer = owner.get(f"{path}?endpoint={demo.ids['Sandbox ERP']}&type=order.refunded")
    assert "Disabled: its other deliveries stay held" in answer.content.decode()

    assert post(owner, path, form_of(answer)).status_code == 302

    assert [each.endpoint_id for each in sent()] == [demo.endpoints["Sandbox ERP"].pk]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("{", "line 1, column 2"),
        ("", "Give JSON, such as {}."),
        ('{"order_id": "x"}', "data.total is required."),
        (json.dumps({**ORDER, "note": "x" * 262_144}), "The payload is over 262,144 bytes"),
        ('{"order_id": "x", "total": Infinity}', "Infinity is not a JSON number."),
    ],
)
def test_bad_data_is_refused_in_a_sentence_and_stays_in_the_form(
    demo: Demo, owner: Client, path: str, data: str, sentence: str
) -> None:
    given = form_of(owner.get(f"{path}?type=order.paid"))

    answer = post(owner, path, given, data=data)

    assert answer.status_code == 422
    form = answer.context["form"]  # type: ignore[attr-defined]
    assert list(form.errors) == ["data"]
    assert sentence in form.errors["data"][0]
    assert form["data"].value() == data
    assert sent() == []


def test_s39_the_limit_is_told_and_nothing_is_lost(demo: Demo, owner: Client, path: str, settings: Settings) -> None:
    settings.WEBHOOKS_TEST_SENDS_PER_MINUTE = 2
    page = owner.get(f"{path}?type=order.paid")
    assert "Your app can make 2 test sends a minute." in page.content.decode()
    given = {**form_of(page), "data": json.dumps(ORDER)}
    for _ in range(2):
        assert post(owner, path, given).status_code == 302

    answer = post(owner, path, given)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "2 test sends a minute are allowed: wait a moment." in answer.content.decode()
    assert form_of(answer)["data"] == json.dumps(ORDER)
    assert len(sent()) == 2
    settings.WEBHOOKS_TEST_SENDS_PER_MINUTE = 0
    assert "a minute" not in owner.get(path).content.decode().partition("<main")[2]


# What came of it ---------------------------------------------------------------------------------


def result(client: Client, path: str, delivery: Delivery, **headers: str) -> str:
    answer = client.get(f"{path}{delivery.public_id}/", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_result_polls_until_the_delivery_is_done_and_changes_only_when_it_does(
    demo: Demo, owner: Client, path: str
) -> None:
    delivery = send_test(demo.endpoints["Billing"], "order.paid", ACTOR, ORDER)
    url = f"{path}{delivery.public_id}/"

    html = result(owner, path, delivery)
    assert f'data-live hx-get="{url}?seen=pending-0" hx-trigger="live"' in html
    assert "On its way." in html
    assert f'<a class="button without-scripts" href="{url}">' in html
    assert owner.get(f"{url}?seen=pending-0", headers=HTMX).status_code == 204

    make_attempt(delivery, response_status=401, error="The receiver answered 401.")
    part = owner.get(f"{url}?seen=pending-0", headers=HTMX).content.decode()
    assert "<html" not in part
    assert "The receiver refused the request (401)." in part
    assert "Check the secret in the receiver&#x27;s environment, send one test, then retry." in part
    assert "HTTP/1.1" in part
    assert "webhook-signature" in part
    assert "ord_1" in part
    assert f'hx-get="{url}?seen=pending-1"' in part

    make_attempt(delivery, 2, status="succeeded", response_status=204, error_code="", error="", response_body="")
    Delivery.objects.filter(pk=delivery.pk).update(status="succeeded", due_at=None)
    part = owner.get(f"{url}?seen=pending-1", headers=HTMX).content.decode()
    assert "data-live" not in part
    assert "Billing answered 204 after 12 ms." in part
    assert "Whether it verified the signature is not to be seen from here" in part
    assert "Attempt 1" in part
    assert owner.get(f"{url}?seen=succeeded-2", headers=HTMX).status_code == 204


def test_what_waits_for_long_names_the_workers(demo: Demo, owner: Client, path: str) -> None:
    delivery = send_test(demo.endpoints["Billing"], "order.paid", ACTOR)
    Delivery.objects.filter(pk=delivery.pk).update(created_at=timezone.now() - dt.timedelta(seconds=11))

    html = result(owner, path, delivery)

    assert "Still waiting to be sent." in html
    assert "?seen=pending-0-slow" in html
    assert owner.get(f"{path}{delivery.public_id}/?seen=pending-0", headers=HTMX).status_code == 200


@pytest.mark.parametrize(
    ("status", "words"),
    [("failed", "Nothing more is tried by itself."), ("canceled", "Canceled."), ("sending", "Being sent now.")],
)
def test_every_end_has_its_words(demo: Demo, owner: Client, path: str, status: str, words: str) -> None:
    delivery = send_test(demo.endpoints["Billing"], "order.paid", ACTOR)
    if status == "failed":
        make_attempt(delivery, response_status=None, error_code="dns_failure", error="No such host.")
    lease = {"lease": new_id(), "leased_until": timezone.now()} if status == "sending" else {}
    Delivery.objects.filter(pk=delivery.pk).update(status=status, due_at=None, **lease)

    html = result(owner, path, delivery)

    assert words in html
    assert ("data-live" in html) == (status == "sending")


def test_the_same_can_be_sent_again_from_the_result(demo: Demo, owner: Client, path: str) -> None:
    first = send_test(demo.endpoints["Sandbox ERP"], "order.paid", ACTOR, ORDER)
    answer = owner.get(f"{path}{first.public_id}/")
    assert b'form="send" name="do" value="send"' in answer.content

    again = post(owner, path, form_of(answer))

    second, _ = sent()
    assert again.headers["Location"] == f"{path}{second.public_id}/"
    assert (second.event.data, second.endpoint_id) == (ORDER, first.endpoint_id)


def test_a_deleted_endpoint_leaves_the_result_to_read(demo: Demo, owner: Client, path: str) -> None:
    delivery = send_test(demo.endpoints["Billing"], "order.paid", ACTOR)
    delete_endpoint(demo.endpoints["Billing"], ACTOR)

    html = result(owner, path, delivery)

    assert "Canceled." in html
    assert 'id="send"' not in html
    assert f"endpoints/{demo.ids['Billing']}/" not in html.partition("<main")[2]


def test_s33_a_result_is_of_a_test_send_of_the_app_alone(demo: Demo, owner: Client, path: str) -> None:
    foreign = send_test(demo.endpoints["Foreign"], "webhook.test", ACTOR)
    staged = send_test(demo.endpoints["Staging"], "webhook.test", ACTOR)

    missing = owner.get(f"{path}{to_public_id(Prefix.DELIVERY, new_id())}/")
    for public_id in (foreign.public_id, demo.ids["succeeded"]):
        answer = owner.get(f"{path}{public_id}/")
        assert (answer.status_code, answer.content) == (404, missing.content)
    there = owner.get(f"{path}{staged.public_id}/")
    assert there.headers["Location"] == f"{demo.test_path}test-send/{staged.public_id}/"
    assert foreign.public_id not in owner.get(path).content.decode()
    assert staged.public_id not in owner.get(path).content.decode()
    assert staged.public_id in owner.get(f"{demo.test_path}test-send/").content.decode()


def test_s35_what_a_receiver_answers_is_shown_as_text_only(demo: Demo, owner: Client, path: str) -> None:
    attack = "<script>alert(1)</script>"
    delivery = send_test(demo.endpoints["Billing"], "order.refunded", ACTOR, {attack: attack})
    make_attempt(delivery, response_headers=[["x-odd", attack]], response_body=attack, error=attack)
    Endpoint.objects.filter(pk=delivery.endpoint_id).update(name=attack)

    assert attack not in result(owner, path, delivery)
    assert attack not in owner.get(path).content.decode()


# Who may, and what it costs ----------------------------------------------------------------------


def test_s37_a_viewer_watches_and_does_not_send(demo: Demo, owner: Client, viewer: Client, path: str) -> None:
    delivery = send_test(demo.endpoints["Billing"], "order.paid", ACTOR)
    given = form_of(owner.get(path))

    html = viewer.get(path).content.decode()
    assert "Viewers do not send" in html
    assert delivery.public_id in html
    assert 'id="send"' not in html
    html = result(viewer, path, delivery)
    assert "On its way." in html
    assert "Send again" not in html
    assert 'id="send"' not in html
    for do in ("send", "check", "fill", "choose"):
        assert post(viewer, path, given, do=do).status_code == 403
    assert sent() == [delivery]
    assert AuditEntry.objects.filter(actor_type="builder").count() == 0


def test_the_pages_make_as_many_queries_however_much_there_is(demo: Demo, owner: Client, path: str) -> None:
    delivery = send_test(demo.endpoints["Billing"], "order.paid", ACTOR)
    for _ in range(4):
        send_test(demo.endpoints["Billing"], "order.paid", ACTOR)
    make_attempt(delivery)

    def add_rows() -> None:
        for number in range(3):
            endpoint = make_endpoint(demo.app, name=f"More {number}")
            make_event_type(demo.app, f"more.number_{number}")
            send_test(endpoint, "order.paid", ACTOR)
            make_attempt(delivery, number + 2)

    assert_query_count("test-send", owner, path, add_rows)
    assert_query_count("test-send result", owner, f"{path}{delivery.public_id}/")
    make_attempt(delivery, 5)
    assert_query_count("test-send result", owner, f"{path}{delivery.public_id}/")
