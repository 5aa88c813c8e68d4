"""The list of deliveries: filters, paging, states, and the live tail."""

import datetime as dt
import uuid

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.models import Attempt, Delivery, DeliveryStatus
from events.models import Event, EventType
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.demo import Demo
from tests.factories import make_attempt, make_delivery, make_endpoint, make_event
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _any_data(demo: Demo) -> None:
    """What tests emit need not fit the demo's schema."""
    EventType.objects.update(schema=None)


def shown(client: Client, path: str, **headers: str) -> list[uuid.UUID]:
    """The deliveries of the page at `path`, as they stand there."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return [row.delivery.pk for row in answer.context["rows"]]


def one_of_each(demo: Demo) -> dict[str, Delivery]:
    """The live deliveries of the demo that have a name; its history is taken away."""
    Delivery.objects.exclude(pk__in=[each.pk for each in demo.deliveries.values()]).delete()
    return {
        name: each
        for name, each in demo.deliveries.items()
        if each.app_id == demo.app.pk and each.environment == "live"
    }


def test_a_row_tells_state_type_endpoint_answer_error_and_times(demo: Demo, owner: Client) -> None:
    one_of_each(demo)

    text = owner.get(f"{demo.path}deliveries/").content.decode()

    for heading in ("Status", "Event type", "Endpoint", "Attempts", "Response", "Took", "Created", "Last attempt"):
        assert f">{heading}</th>" in text
    words = ("Sending", "Pending", "Succeeded", "Failed", "Held", "Canceled", "Retrying")
    assert [text.count(f"<span>{word}</span>") for word in words] == [1, 1, 2, 1, 1, 1, 1]
    assert '<span class="status">401</span>' in text
    assert 'title="The receiver answered 401.">Unauthorized</span>' in text
    assert 'title="The receiver&#x27;s certificate has expired or is not valid yet.">TLS: expired</span>' in text
    assert "Endpoint is disabled" in text
    assert ">62 ms</td>" in text
    assert '<span class="tag">test</span>' in text
    assert text.count('<time datetime="') >= 10


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"succeeded", "retrying", "failed", "pending", "sending", "held", "canceled", "test send"}),
        ("status=failed", {"failed"}),
        ("status=pending", {"pending", "retrying", "held"}),
        ("type=order.refunded", {"canceled"}),
        ("endpoint={Billing}", {"retrying"}),
        ("response=401", {"retrying"}),
        ("response=tls_expired", {"failed"}),
        ("response=200&test=no", {"succeeded"}),
        ("test=yes", {"test send"}),
        ("when=1h&endpoint={Analytics}", set()),
        ("when=24h&endpoint={Analytics}", {"test send"}),
        ("status=failed&type=invoice.created&endpoint={Old portal}&response=tls_expired&when=7d&test=no", {"failed"}),
        ("status=failed&response=401", set()),
        ("q={canceled}", {"canceled"}),
        ("q={canceled}&status=failed", set()),
        ("q={Warehouse}", {"succeeded", "canceled"}),
        ("q={foreign}", set()),
        ("q={test environment}", set()),
    ],
)
def test_filters_stand_in_the_url_and_all_of_them_hold(
    demo: Demo, owner: Client, query: str, expected: set[str]
) -> None:
    named = one_of_each(demo)
    # One hour is what the demo's test send is old: a preset begins at the full minute.
    Delivery.objects.filter(pk=named["test send"].pk).update(created_at=timezone.now() - dt.timedelta(hours=2))

    found = shown(owner, f"{demo.path}deliveries/?{query.format(**demo.ids)}")

    assert found == sorted((named[name].pk for name in expected), reverse=True)


def test_an_id_of_an_event_or_attempt_leads_to_the_row(demo: Demo, owner: Client) -> None:
    failed = demo.deliveries["failed"]
    attempt = Attempt.objects.filter(delivery=failed).latest("number")
    foreign = Attempt.objects.get(delivery=demo.deliveries["foreign"])

    assert shown(owner, f"{demo.path}deliveries/?q={failed.event.public_id}") == [failed.pk]
    assert shown(owner, f"{demo.path}deliveries/?q={attempt.public_id}") == [failed.pk]
    assert shown(owner, f"{demo.path}deliveries/?q={foreign.public_id}") == []


def test_deliveries_of_an_organization_are_those_of_its_events(demo: Demo, owner: Client) -> None:
    initech = demo.organizations["Initech"]
    event = make_event(demo.app, organization_id=initech.pk)
    delivery = make_delivery(event, demo.endpoints["Billing"])

    assert shown(owner, f"{demo.path}deliveries/?organization={initech.public_id}") == [delivery.pk]


def test_a_window_of_ones_own_leaves_out_its_ends(demo: Demo, owner: Client) -> None:
    start = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    inside = demo.deliveries["failed"]
    Delivery.objects.filter(pk=inside.pk).update(created_at=start)

    def of(after: str, before: str) -> list[uuid.UUID]:
        # The id tells another time, so only created_at would find it.
        query = f"when=custom&after={after}&before={before}&q={inside.event.public_id}"
        answer = owner.get(f"{demo.path}deliveries/?{query}")
        assert answer.status_code == 200
        assert answer.context["form"].filters().after == dt.datetime.fromisoformat(after).replace(tzinfo=dt.UTC)
        return [row.delivery.pk for row in answer.context["rows"]]

    assert of("2026-03-01T12:00:00", "2026-03-02T12:00:00") == []
    assert (
        'value="2026-03-01T12:00:00"'
        in owner.get(f"{demo.path}deliveries/?when=custom&after=2026-03-01T12:00:00Z").content.decode()
    )


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("response=40x", "Give a status such as 401, or an error code such as timeout."),
        ("response=99", "Give a status such as 401, or an error code such as timeout."),
        ("q=4711", "An id begins with dlv_, evt_, att_ or ep_, and is whole."),
        ("when=custom&after=yesterday", "Enter a valid date/time."),
        (
            "when=custom&after=2026-03-02T12:00&before=2026-03-01T12:00",
            "This must be later than the time before it.",
        ),
        ("status=lost", "Select a valid choice. lost is not one of the available choices."),
    ],
)
def test_a_filter_that_is_wrong_is_told_at_its_field_and_nothing_is_lost(
    demo: Demo, owner: Client, query: str, sentence: str
) -> None:
    answer = owner.get(f"{demo.path}deliveries/?{query}&type=order.paid")
    text = answer.content.decode()

    assert answer.status_code == 400
    assert sentence in text
    assert 'value="order.paid"' in text
    assert "This filter is not understood" in text
    assert "rows" not in answer.context


def test_s33_s34_choices_are_of_this_app_and_environment_alone(demo: Demo, owner: Client) -> None:
    text = owner.get(f"{demo.path}deliveries/").content.decode()
    foreign, staging = demo.endpoints["Foreign"].public_id, demo.endpoints["Staging"].public_id
    missing = to_public_id(Prefix.ENDPOINT, new_id())

    assert demo.endpoints["Billing"].public_id in text
    assert foreign not in text
    assert staging not in text
    answers = [owner.get(f"{demo.path}deliveries/?endpoint={key}") for key in (foreign, staging, missing)]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    errors = [answer.context["form"].errors["endpoint"][0] for answer in answers]
    assert [error.replace(key, "…") for error, key in zip(errors, (foreign, staging, missing), strict=True)] == [
        "Select a valid choice. … is not one of the available choices."
    ] * 3


def test_the_test_environment_lists_its_own(demo: Demo, owner: Client) -> None:
    assert shown(owner, f"{demo.test_path}deliveries/") == [demo.deliveries["test environment"].pk]


def test_pages_stay_as_they_are_while_rows_arrive(demo: Demo, owner: Client) -> None:
    endpoint = make_endpoint(demo.app)
    event = make_event(demo.app)
    made = [make_delivery(event, endpoint)]
    made += [make_delivery(make_event(demo.app), endpoint) for _ in range(60)]
    newest_first = [delivery.pk for delivery in reversed(made)]
    base = f"{demo.path}deliveries/?endpoint={endpoint.public_id}"

    first = owner.get(base)
    older = owner.get(f"{base}&cursor={first.context['found'].next}")
    for _ in range(3):
        make_delivery(make_event(demo.app), endpoint)

    assert [row.delivery.pk for row in first.context["rows"]] == newest_first[:50]
    assert [row.delivery.pk for row in older.context["rows"]] == newest_first[50:]
    assert shown(owner, f"{base}&cursor={older.context['found'].previous}") == newest_first[:50]
    assert f"endpoint={endpoint.public_id}&amp;cursor={first.context['found'].next}" in first.content.decode()
    # Only the newest page is live: what is read further back never moves.
    assert b"data-live " in first.content
    assert b"data-live " not in older.content
    assert len(shown(owner, f"{base}&cursor=none-of-ours")) == 50


def test_the_tail_brings_what_arrived_and_what_changed_and_else_nothing(demo: Demo, owner: Client) -> None:
    path = f"{demo.path}deliveries/?type=order.paid"
    page = owner.get(path)
    seen = {"HX-Request": "true", "X-Newest": page.context["newest"], "X-Digest": page.context["digest"]}

    assert owner.get(path, headers=seen).status_code == 204
    delivery = make_delivery(make_event(demo.app), demo.endpoints["Billing"])
    make_delivery(make_event(demo.app, "invoice.created"), demo.endpoints["Billing"])
    arrived = owner.get(path, headers=seen)

    assert (arrived.status_code, arrived.headers["X-Arrived"]) == (200, "1")
    text = arrived.content.decode()
    assert text.strip().startswith('<div id="delivery-list" data-live data-tail')
    assert text.count('class="arrived"') == 1
    assert arrived.context["rows"][0].delivery.pk == delivery.pk
    assert "page" not in arrived.context["found"].__dict__
    seen |= {"X-Newest": arrived.context["newest"], "X-Digest": arrived.context["digest"]}
    assert owner.get(path, headers=seen).status_code == 204
    Delivery.objects.filter(pk=delivery.pk).update(status=DeliveryStatus.SUCCEEDED, due_at=None, attempt_count=1)
    changed = owner.get(path, headers=seen)
    assert (changed.status_code, changed.headers["X-Arrived"]) == (200, "0")
    assert b'class="arrived"' not in changed.content


def test_an_empty_list_says_what_to_do_first(demo: Demo, owner: Client) -> None:
    path = f"/apps/{demo.other_app.slug}/webhooks/deliveries/"

    text = owner.get(path).content.decode()
    assert "No endpoint, no deliveries" in text
    assert "Add first endpoint" in text
    make_endpoint(demo.other_app)
    text = owner.get(path).content.decode()
    assert "No delivery yet" in text
    assert "Send a test" in text
    nothing = owner.get(f"{path}?status=failed").content.decode()
    assert "No delivery matches" in nothing
    assert "Show all deliveries" in nothing


def test_s37_a_viewer_sees_the_list_and_no_button_that_changes_something(
    demo: Demo, owner: Client, viewer: Client
) -> None:
    path = f"{demo.path}deliveries/?endpoint={demo.ids['Billing']}"

    assert shown(owner, path) == shown(viewer, path)
    for words in (b"Retry all failed", b"Recover missed"):
        assert words in owner.get(path).content
        assert words not in viewer.get(path).content


@pytest.mark.parametrize(
    ("query", "button"),
    [
        ("", b"Retry all failed"),
        ("?status=failed&response=500", b"kind=failed"),
        ("?status=canceled", b"Retry all canceled"),
        ("?status=succeeded", b""),
        ("?status=pending", b""),
        ("?q={failed}", b""),
    ],
)
def test_all_that_match_can_be_retried_where_that_means_something(
    demo: Demo, owner: Client, query: str, button: bytes
) -> None:
    content = owner.get(f"{demo.path}deliveries/{query.format(**demo.ids)}").content

    assert (b"Retry all" in content) == bool(button)
    assert button in content


def test_s35_what_receivers_and_builders_wrote_is_text(demo: Demo, owner: Client) -> None:
    script = "<script>alert(1)</script>"
    failed = demo.deliveries["failed"]
    Delivery.objects.filter(pk=failed.pk).update(error=script, event_type=script)
    demo.endpoints["Old portal"].name = script
    demo.endpoints["Old portal"].save()

    content = owner.get(f"{demo.path}deliveries/?q={failed.public_id}").content.decode()

    assert script not in content
    assert content.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


def test_queries_do_not_grow_with_deliveries(demo: Demo) -> None:
    def add_rows() -> None:
        for _ in range(5):
            endpoint = make_endpoint(demo.app)
            make_attempt(make_delivery(make_event(demo.app), endpoint))

    path = f"{demo.path}deliveries/"
    assert_query_count("deliveries", client_of(demo.owner), path, add_rows)
    assert_query_count("deliveries, filtered", client_of(demo.owner), f"{path}?response=500&when=7d", add_rows)


def test_events_are_not_read_for_the_list(demo: Demo, owner: Client) -> None:
    """A payload may have 256 KiB: fifty of them are for nobody who looks at a list."""
    delivery = owner.get(f"{demo.path}deliveries/").context["rows"][0].delivery

    assert isinstance(delivery.event_id, uuid.UUID)
    assert not Delivery.event.is_cached(delivery)
    assert Event.objects.filter(pk=delivery.event_id).exists()
