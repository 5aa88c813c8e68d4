"""Sending many again from the pages: count, confirmation, progress, cancel (S41)."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from deliveries.models import Delivery, DeliveryStatus, Replay, ReplayKind
from events.models import EventType
from switera_webhooks.ids import Prefix, new_id, to_public_id
from tests.deliveries.replaying import make_failed, start, undelivered, work
from tests.demo import Demo
from tests.factories import make_endpoint, make_event_type
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.models import AuditEntry, Endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _any_data(demo: Demo) -> None:
    """What tests emit need not fit the demo's schema."""
    EventType.objects.update(schema=None)


@pytest.fixture
def endpoint(demo: Demo) -> Endpoint:
    """The only endpoint with failures: seven of them, one of which answered 503."""
    Delivery.objects.all().delete()
    endpoint = make_endpoint(demo.app, name="Busy")
    make_failed(endpoint, 6)
    make_failed(endpoint, 1, response_status=503)
    return endpoint


def start_path(demo: Demo, query: str = "") -> str:
    return f"{demo.path}deliveries/replay/{query}"


def fields_of(answer: object) -> dict[str, str]:
    """The hidden fields of the form that starts it."""
    return dict(answer.context["fixed"])  # type: ignore[attr-defined]


def test_the_page_counts_and_asks_and_starts_nothing(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    all_failed = owner.get(start_path(demo, "?kind=failed&status=failed&when=24h"))
    some = owner.get(start_path(demo, f"?kind=failed&response=503&endpoint={endpoint.public_id}"))

    assert all_failed.context["count"] == 7
    assert "Retry 7 failed deliveries?" in all_failed.content.decode()
    assert some.context["count"] == 1
    text = some.content.decode()
    assert "Retry 1 failed delivery?" in text
    assert "<dt>Endpoint</dt><dd>Busy</dd>" in text
    assert "<dt>Response status</dt><dd>503</dd>" in text
    assert Replay.objects.count() == 0


def test_s46_confirmed_it_is_a_job_on_record(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    asked = owner.get(start_path(demo, "?kind=failed&response=500"))

    answer = owner.post(start_path(demo), fields_of(asked))

    replay = Replay.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{demo.path}replays/{replay.public_id}/")
    assert (replay.kind, replay.count, replay.app_id, replay.environment) == ("failed", 6, demo.app.pk, "live")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor_name, entry.target_id) == ("replay.started", "ada", replay.public_id)
    work()
    assert Delivery.objects.filter(status=DeliveryStatus.PENDING).count() == 6
    assert Delivery.objects.get(status=DeliveryStatus.FAILED).response_status == 503


def test_s41_the_same_one_started_while_it_runs_is_the_same_job(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    fields = fields_of(owner.get(start_path(demo, "?when=7d")))

    first = owner.post(start_path(demo), fields)
    second = owner.post(start_path(demo), fields)

    assert Replay.objects.count() == 1
    assert first.headers["Location"] == second.headers["Location"]
    again = owner.get(start_path(demo, "?when=7d")).content.decode()
    assert "Under way already" in again
    assert first.headers["Location"] in again


def test_what_is_counted_is_what_is_started_whenever_the_answer_comes(
    demo: Demo, owner: Client, endpoint: Endpoint
) -> None:
    asked = owner.get(start_path(demo, "?when=1h"))
    fields = fields_of(asked)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", fields["after"])
    assert fields["when"] == "custom"
    owner.post(start_path(demo), fields)
    assert Replay.objects.get().filters["after"] == fields["after"]


def test_s39_more_than_the_limit_is_told_with_what_to_do_and_not_started(
    demo: Demo, owner: Client, endpoint: Endpoint, settings: Settings
) -> None:
    settings.WEBHOOKS_REPLAY_MAX = 5

    asked = owner.get(start_path(demo))
    posted = owner.post(start_path(demo), fields_of(asked))

    assert "More than 5 match, the most for one go. Choose a shorter time or a further filter" in asked.content.decode()
    assert b'<button class="button main" type="submit">' not in asked.content
    assert posted.status_code == 429
    assert posted.headers["Retry-After"] == "60"
    assert "More than 5 deliveries match" in posted.content.decode()
    assert Replay.objects.count() == 0


def test_nothing_that_matches_is_said_and_offers_no_button(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    text = owner.get(start_path(demo, "?type=order.refunded")).content.decode()

    assert "No failed delivery matches" in text
    assert '<button class="button main" type="submit">' not in text


def test_what_an_endpoint_missed_is_recovered(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    undelivered(demo.app, 3)
    missed = owner.get(start_path(demo, f"?kind=missing&endpoint={endpoint.public_id}&status=succeeded&response=200"))
    every = owner.get(start_path(demo, f"?kind=all&endpoint={endpoint.public_id}"))

    before = missed.context["count"]
    assert before >= 3
    assert f"Send {before} missed events?" in missed.content.decode()
    assert every.context["count"] == before + 7
    owner.post(start_path(demo), fields_of(missed))
    replay = Replay.objects.get()
    assert (replay.kind, replay.count) == (ReplayKind.MISSING, before)
    work()
    assert Delivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.PENDING).count() == before


def test_a_window_that_is_wrong_is_told_at_its_field_and_nothing_is_lost(
    demo: Demo, owner: Client, endpoint: Endpoint
) -> None:
    window = "when=custom&after=2026-03-02T12:00:00&before=2026-03-01T12:00:00"

    answer = owner.get(start_path(demo, f"?kind=all&endpoint={endpoint.public_id}&{window}"))
    text = answer.content.decode()

    assert answer.status_code == 400
    assert "This must be later than the time before it." in text
    assert 'value="2026-03-02T12:00:00"' in text
    assert f'<input type="hidden" name="endpoint" value="{endpoint.public_id}">' in text
    assert Replay.objects.count() == 0


def test_s33_an_endpoint_of_another_app_is_none(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    foreign, missing = demo.endpoints["Foreign"].public_id, to_public_id(Prefix.ENDPOINT, new_id())

    for key in (foreign, missing, demo.endpoints["Staging"].public_id):
        for kind in ("missing", "failed"):
            assert owner.get(start_path(demo, f"?kind={kind}&endpoint={key}")).status_code == 400
            assert owner.post(start_path(demo), {"kind": kind, "endpoint": key}).status_code == 400
    assert Replay.objects.count() == 0


def test_a_kind_that_there_is_not_is_told_and_nothing_is_started(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    entries = AuditEntry.objects.count()

    for kind in ("bogus", "succeeded", "failed\0"):
        answers = (
            owner.get(start_path(demo), {"kind": kind, "response": "503"}),
            owner.post(start_path(demo), {"kind": kind, "response": "503"}),
        )
        for answer in answers:
            text = answer.content.decode()
            assert answer.status_code == 400
            assert "There is no such kind of replay: choose failed, canceled, missing or all." in text
            assert f'href="{demo.path}deliveries/?response=503"' in text
            assert '<button class="button main" type="submit">' not in text
    assert Replay.objects.count() == 0
    assert AuditEntry.objects.count() == entries
    assert Delivery.objects.filter(status=DeliveryStatus.FAILED).count() == 7


def test_kinds_about_one_endpoint_need_one(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    answer = owner.get(start_path(demo, "?kind=missing"))

    assert answer.status_code == 400
    assert "Name the endpoint: the kind missing is about one." in answer.content.decode()


def test_progress_is_counted_until_it_has_ended(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    replay = start(demo.app)
    path = f"{demo.path}replays/{replay.public_id}/"

    queued = owner.get(path)
    Replay.objects.filter(pk=replay.pk).update(status="running", retried=3, skipped=1)
    part = owner.get(path, headers={"HX-Request": "true"})
    work()
    done = owner.get(path)

    assert (queued.context["share"], queued.context["active"]) == (0, True)
    assert b"data-live" in queued.content
    assert part.content.decode().strip().startswith('<section id="replay"')
    assert part.context["share"] == 57
    assert "<dd>4 of 7</dd>" in part.content.decode()
    assert (done.context["share"], done.context["active"]) == (100, False)
    assert b"data-live" not in done.content


def test_s46_a_canceled_one_goes_no_further(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    replay = start(demo.app)
    path = f"{demo.path}replays/{replay.public_id}/"

    answer = owner.post(f"{path}cancel/", follow=True)
    work()

    assert "Canceled after 0 of 7" in answer.content.decode()
    assert Delivery.objects.filter(status=DeliveryStatus.FAILED).count() == 7
    assert AuditEntry.objects.latest("id").action == "replay.canceled"
    again = owner.post(f"{path}cancel/", follow=True)
    assert "This replay has ended already." in again.content.decode()


def test_s37_a_viewer_sees_progress_and_starts_and_cancels_nothing(
    demo: Demo, viewer: Client, endpoint: Endpoint
) -> None:
    replay = start(demo.app)
    entries = AuditEntry.objects.count()
    path = f"{demo.path}replays/{replay.public_id}/"

    page = viewer.get(path)
    answers = [
        viewer.get(start_path(demo)),
        viewer.post(start_path(demo), {"kind": "failed", "response": "503"}),
        viewer.post(f"{path}cancel/"),
    ]

    assert page.status_code == 200
    assert b"Cancel the rest" not in page.content
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    replay.refresh_from_db()
    assert (Replay.objects.count(), replay.status) == (1, "queued")
    assert AuditEntry.objects.count() == entries


def test_s33_a_job_of_another_app_answers_like_one_that_is_not_there(
    demo: Demo, owner: Client, endpoint: Endpoint
) -> None:
    make_event_type(demo.foreign_app)
    make_failed(demo.endpoints["Foreign"])
    make_failed(demo.endpoints["Staging"])
    foreign, staged = start(demo.foreign_app), start(demo.app, environment="test")
    keys = [foreign.public_id, to_public_id(Prefix.JOB, new_id()), "job_"]

    pages = [owner.get(f"{demo.path}replays/{key}/") for key in keys]
    cancels = [owner.post(f"{demo.path}replays/{key}/cancel/") for key in [*keys, staged.public_id]]

    assert [answer.status_code for answer in pages + cancels] == [404] * 7
    assert len({answer.content for answer in pages}) == 1
    assert owner.get(f"{demo.path}replays/{staged.public_id}/").headers["Location"] == (
        f"{demo.test_path}replays/{staged.public_id}/"
    )
    assert Replay.objects.active().count() == 2


def test_queries_do_not_grow_with_what_matches(demo: Demo, endpoint: Endpoint) -> None:
    client = client_of(demo.owner)
    path = start_path(demo, f"?kind=failed&endpoint={endpoint.public_id}")

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    # Not recorded: PostgreSQL is told to use its indexes, which is a statement more.
    before = count()
    make_failed(endpoint, 5)
    assert count() == before
    replay = start(demo.app)
    assert_query_count("replay", client, f"{demo.path}replays/{replay.public_id}/", lambda: make_failed(endpoint, 5))


# The list ----------------------------------------------------------------------------------------


def rows_of(client: Client, path: str) -> list[str]:
    """The rows' text, newest first."""
    text = client.get(path).content.decode()
    rows = re.findall(r"<tr>(.*?)</tr>", text.partition("<tbody>")[2], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_the_list_tells_what_was_sent_again_how_far_it_came_and_who_started_it(
    demo: Demo, owner: Client, endpoint: Endpoint
) -> None:
    owner.post(start_path(demo), {"kind": "failed", "endpoint": endpoint.public_id, "response": "503"})
    work()
    start(demo.app)

    running, done = rows_of(owner, f"{demo.path}replays/")

    assert done.startswith("Done Failed deliveries Busy 1 of 1 0 ada ")
    assert running.startswith("Queued Failed deliveries all endpoints 0 of 6 0 ")
    assert f"{demo.path}replays/" in owner.get(f"{demo.path}deliveries/").content.decode()


def test_without_a_replay_the_list_says_how_one_is_started(demo: Demo, viewer: Client) -> None:
    assert "Nothing was sent again yet" in viewer.get(f"{demo.path}replays/").content.decode()


def test_s33_the_list_has_those_of_its_app_and_environment(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    make_event_type(demo.foreign_app)
    make_failed(demo.endpoints["Foreign"])
    make_failed(demo.endpoints["Staging"])
    start(demo.foreign_app)
    staged = start(demo.app, environment="test")

    assert rows_of(owner, f"{demo.path}replays/") == []
    (row,) = rows_of(owner, f"{demo.test_path}replays/")
    assert row.startswith("Queued Failed deliveries all endpoints 0 of 1")
    assert staged.public_id in owner.get(f"{demo.test_path}replays/").content.decode()


def test_queries_of_the_list_do_not_grow_with_its_rows(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    start(demo.app, endpoint_id=endpoint.pk)
    others = [demo.endpoints[name].pk for name in ("Billing", "Warehouse")]
    assert_query_count(
        "replays", owner, f"{demo.path}replays/", lambda: [start(demo.app, endpoint_id=key) for key in others]
    )
