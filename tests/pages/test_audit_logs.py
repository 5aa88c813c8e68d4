"""The audit log as members see it: filters, what changed, links, exports."""

import csv
import datetime as dt
import io
import json
import re
from typing import Any

import pytest
from django.test import Client

from deliveries.delivery_actions import retry_delivery
from deliveries.delivery_filter import DeliveryFilter
from deliveries.endpoints import delete_endpoint, update_endpoint
from deliveries.models import Replay, ReplayKind
from deliveries.replays import start_replay
from events.event_types import update_event_type
from events.models import EventType
from tests.demo import Demo
from tests.factories import ACTOR, make_endpoint
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks import audit
from webhooks.api_keys import create_api_key
from webhooks.app_setup import update_app
from webhooks.audit import SYSTEM, Actor
from webhooks.members import remove_member
from webhooks.models import AuditEntry, Membership
from webhooks.organizations.domains import add_domain
from webhooks.organizations.invitations import create_invitation
from webhooks.organizations.members import add_organization_member
from webhooks.organizations.organization import create_organization, delete_organization
from webhooks.views.audit_changes import readable_changes

pytestmark = pytest.mark.django_db


def path_of(demo: Demo, environment: str = "live") -> str:
    return f"/apps/{demo.app.slug}/{'test/' if environment == 'test' else ''}audit-logs/"


def actor_of(demo: Demo) -> Actor:
    return Actor.of_user(demo.owner, "192.0.2.7")


def rows_of(client: Client, path: str, **query: str) -> list[list[str]]:
    """The cells of the table's rows as text."""
    html = client.get(path, query).content.decode()
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.findall(r"<t[dh] .*?</t[dh]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    ]


def page_of(client: Client, path: str, **query: str) -> str:
    return client.get(path, query).content.decode()


def test_a_change_is_told_in_words_before_and_after_with_who_and_from_where(demo: Demo, owner: Client) -> None:
    update_endpoint(demo.endpoints["Billing"], {"name": "Invoices", "rate_limit": 20}, actor_of(demo))

    [row] = rows_of(owner, path_of(demo), action="endpoint.updated")

    assert row[1:] == [
        "ada",
        "Endpoint changed endpoint.updated",
        "Invoices",
        "Name from Billing → to Invoices Rate limit 20",
        "192.0.2.7",
    ]


def test_links_lead_to_what_is_still_there(demo: Demo, owner: Client) -> None:
    retry_delivery(demo.deliveries["failed"], ACTOR)
    create_api_key(demo.app, "live", ACTOR)
    delete_endpoint(demo.endpoints["Brand new"], ACTOR)

    page = page_of(owner, path_of(demo))

    slug = demo.app.slug
    assert f'href="/apps/{slug}/webhooks/endpoints/{demo.ids["Billing"]}/"' in page
    assert f'href="/apps/{slug}/webhooks/deliveries/{demo.ids["failed"]}/"' in page
    assert f'href="/apps/{slug}/webhooks/event-catalog/order.paid/"' in page
    assert f'href="/apps/{slug}/api-keys/key_' in page
    assert f'<a href="/apps/{slug}/members/">dev</a>' in page
    assert demo.ids["Brand new"] in page
    assert f'endpoints/{demo.ids["Brand new"]}/"' not in page


def test_of_organizations_those_that_are_there_have_a_link(demo: Demo, owner: Client) -> None:
    kept, gone = (create_organization(demo.app, name, actor=actor_of(demo)) for name in ("Kept", "Gone"))
    delete_organization(gone, actor_of(demo))

    page = page_of(owner, path_of(demo), action="organization.created")

    assert f'<a href="/apps/{demo.app.slug}/organizations/{kept.public_id}/">Kept</a>' in page
    assert gone.public_id not in re.findall(r'href="[^"]*/organizations/([^"/]+)/"', page)


def test_a_replay_is_named_by_what_it_sends_and_its_id_and_leads_to_its_page(demo: Demo, owner: Client) -> None:
    replay = start_replay(demo.app, "live", ReplayKind.FAILED, DeliveryFilter(), ACTOR)
    path = path_of(demo)

    [row] = rows_of(owner, path, action="replay.started")
    link = f'<a href="{demo.path}replays/{replay.public_id}/">Replay: failed deliveries</a>'

    assert row[3] == f"Replay: failed deliveries {replay.public_id}"
    assert link in page_of(owner, path)
    Replay.objects.all().delete()
    [row] = rows_of(owner, path, action="replay.started")
    assert row[3] == f"Replay: failed deliveries {replay.public_id} no longer there"
    assert link not in page_of(owner, path)


def test_each_kind_of_thing_has_its_page_and_what_is_gone_is_said_to_be(demo: Demo, owner: Client) -> None:
    there, gone = (create_organization(demo.app, name, actor=ACTOR) for name in ("There", "Gone"))
    for organization in (there, gone):
        add_organization_member(organization, "u_1", "ann@example.com", actor=ACTOR)
        create_invitation(organization, "bob@example.com", expires_at=None, actor=ACTOR)
        add_domain(organization, f"{organization.name.lower()}.example", actor=ACTOR)
    delete_organization(gone, ACTOR)
    update_app(demo.app, {"name": "Southwind"}, ACTOR)
    path = f"/apps/{demo.app.slug}/"

    page = page_of(owner, path_of(demo))

    for link, name in (
        (f"organizations/{there.public_id}/", "There"),
        (f"organizations/{there.public_id}/members/", "ann@example.com"),
        (f"organizations/{there.public_id}/invitations/", "bob@example.com"),
        (f"organizations/{there.public_id}/domains/", "there.example"),
        ("settings/", "Southwind"),
    ):
        assert f'<a href="{path}{link}">{name}</a>' in page
    assert f"/{gone.public_id}/" not in page
    removed = rows_of(owner, path_of(demo), action="organization.deleted")
    assert [row[3] for row in removed] == [f"Gone {gone.public_id} no longer there"]


def test_of_a_builder_who_has_left_it_is_said_that_they_are_no_member(demo: Demo, owner: Client) -> None:
    remove_member(Membership.objects.get(app=demo.app, user=demo.developer), ACTOR)

    [row] = rows_of(owner, path_of(demo), action="member.removed")

    assert row[3] == "dev no member any more"


def test_what_is_large_stands_in_blocks_that_open(demo: Demo, owner: Client) -> None:
    event_type = EventType.objects.get(app=demo.app, name="order.paid")
    assert isinstance(event_type.schema, dict)
    update_event_type(event_type, {"schema": {**event_type.schema, "description": "An order."}}, ACTOR)

    page = page_of(owner, path_of(demo), action="event_type.updated")

    assert re.findall(r"<span>(Schema, \w+)</span>", page) == ["Schema, before", "Schema, after"]
    assert page.count('<details class="code-block">') == 2


def test_s25_s35_values_are_redacted_and_shown_as_text(demo: Demo, owner: Client) -> None:
    given = {"name": "<script>alert(1)</script>", "headers": {"X-Team": "hunter2"}}
    update_endpoint(demo.endpoints["Billing"], given, ACTOR)

    page = page_of(owner, path_of(demo), action="endpoint.updated")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "hunter2" not in page
    assert "X-Team: [redacted]" in page


def test_filters_narrow_by_action_actor_and_time(demo: Demo, owner: Client) -> None:
    path = path_of(demo)
    update_endpoint(demo.endpoints["Billing"], {"name": "A"}, actor_of(demo))
    update_endpoint(demo.endpoints["Billing"], {"name": "B"}, SYSTEM)
    key, _ = create_api_key(demo.app, "live", ACTOR)
    update_endpoint(demo.endpoints["Billing"], {"name": "C"}, Actor.of_api_key(key, None))
    updated = AuditEntry.objects.filter(action="endpoint.updated").order_by("pk")
    old = updated[0]
    AuditEntry.objects.filter(pk=old.pk).update(created_at=old.created_at - dt.timedelta(days=2))

    def names(**query: str) -> list[str]:
        return [row[4].rpartition(" ")[2] for row in rows_of(owner, path, action="endpoint.updated", **query)]

    assert names() == ["C", "B", "A"]
    assert names(actor=str(demo.owner.pk)) == ["A"]
    assert names(actor="system") == ["B"]
    assert names(actor=key.public_id) == ["C"]
    assert names(when="24h") == ["C", "B"]
    assert names(when="custom", before=old.created_at.isoformat()) == ["A"]
    chosen = page_of(owner, path, action="endpoint.updated", actor="system")
    assert re.findall(r'<option value="([^"]+)" selected', chosen) == ["endpoint.updated", "system"]


def test_who_is_no_member_any_more_can_still_be_asked_for(demo: Demo, owner: Client) -> None:
    update_endpoint(demo.endpoints["Billing"], {"name": "A"}, Actor.of_user(demo.developer, None))
    remove_member(Membership.objects.get(app=demo.app, user=demo.developer), ACTOR)

    page = page_of(owner, path_of(demo), actor=str(demo.developer.pk))

    assert f'<option value="{demo.developer.pk}" selected>dev</option>' in page
    assert len(rows_of(owner, path_of(demo), actor=str(demo.developer.pk))) == 1


def test_s34_actors_of_other_apps_are_no_choice(demo: Demo, owner: Client) -> None:
    stranger = create_api_key(demo.foreign_app, "live", ACTOR)[0]
    audit.record(demo.foreign_app, Actor.of_api_key(stranger, None), "endpoint.tested", target_type="x", target_id="y")

    answer = owner.get(path_of(demo), {"actor": stranger.public_id})

    assert answer.status_code == 400
    assert stranger.masked not in answer.content.decode()


def test_a_filter_that_is_not_understood_says_so_and_keeps_the_rest(demo: Demo, owner: Client) -> None:
    query = {"action": "endpoint.updated", "when": "custom", "after": "2026-02-02T00:00", "before": "2026-01-01T00:00"}

    answer = owner.get(path_of(demo), query)

    page = answer.content.decode()
    assert answer.status_code == 400
    assert "This must be later than the time before it." in page
    assert '<option value="endpoint.updated" selected>' in page


@pytest.mark.parametrize("name", ["action", "actor"])
def test_what_no_entry_can_hold_is_no_choice(demo: Demo, owner: Client, name: str) -> None:
    assert owner.get(path_of(demo), {name: "a\0b"}).status_code == 400


def test_nothing_matches_nothing_yet_and_the_end_are_told_apart(demo: Demo, owner: Client) -> None:
    AuditEntry.objects.filter(environment="test").delete()

    assert "No entry matches" in page_of(owner, path_of(demo), action="replay.canceled")
    assert "Nothing is on record yet" in page_of(owner, path_of(demo, "test"))
    for _ in range(60):
        make_endpoint(demo.app)
    first = page_of(owner, path_of(demo), action="endpoint.created")
    [older] = re.findall(r'rel="next" href="([^"]+)"', first)
    assert len(rows_of(owner, path_of(demo), action="endpoint.created")) == 50
    assert "action=endpoint.created" in older
    AuditEntry.objects.filter(action="endpoint.created").delete()
    assert "The end of the log" in page_of(owner, path_of(demo) + older.replace("&amp;", "&"))


def test_s30_each_environment_has_its_own_and_what_is_shared_stands_in_live(demo: Demo, owner: Client) -> None:
    live = page_of(owner, path_of(demo))
    test = page_of(owner, path_of(demo, "test"))

    assert demo.ids["Staging"] not in live
    assert "Member added" in live
    assert [row[3].split()[0] for row in rows_of(owner, path_of(demo, "test"))] == ["Staging"]
    assert "stands in the live log" in test
    assert demo.ids["Foreign"] not in live + test


def test_a_viewer_reads_and_exports(demo: Demo, viewer: Client) -> None:
    assert rows_of(viewer, path_of(demo))
    assert viewer.post(f"{path_of(demo)}export/", {"as": "csv"}).status_code == 200


def test_queries_do_not_grow_with_entries(demo: Demo) -> None:
    def add_rows() -> None:
        for name in ("Billing", "Warehouse", "Analytics"):
            update_endpoint(demo.endpoints[name], {"name": f"{name} 2"}, ACTOR)

    assert_query_count("audit-logs", client_of(demo.owner), path_of(demo), add_rows)


# Exports ------------------------------------------------------------------------------------------------------------


def export(client: Client, path: str, file_format: str, query: str = "") -> Any:
    answer: Any = client.post(f"{path}export/{query}", {"as": file_format})
    assert answer.status_code == 200
    return answer


def test_an_export_has_the_pages_filters_and_a_name(demo: Demo, owner: Client) -> None:
    page = page_of(owner, path_of(demo), action="endpoint.created")
    assert f'action="{path_of(demo)}export/?action=endpoint.created"' in page

    answer = export(owner, path_of(demo), "csv", "?action=endpoint.created")

    text = answer.getvalue().decode()
    day = dt.datetime.now(dt.UTC).date().isoformat()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="northwind-orders-audit-{day}.csv"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert text.startswith("\ufeffid,created_at,action,")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert {row["action"] for row in rows} == {"endpoint.created"}
    assert len(rows) == AuditEntry.objects.filter(app=demo.app, environment="live", action="endpoint.created").count()
    entry = AuditEntry.objects.get(action="audit.exported")
    assert (entry.actor_name, entry.ip, entry.changes) == (
        "ada", "192.0.2.7", {"as": "csv", "action": "endpoint.created"}
    )  # fmt: skip


def test_json_is_the_same_for_programs(demo: Demo, owner: Client) -> None:
    entries = json.loads(export(owner, path_of(demo, "test"), "json").getvalue())

    assert [entry["target"]["id"] for entry in entries] == [demo.ids["Staging"]]


def test_looking_at_the_address_exports_nothing(demo: Demo, owner: Client) -> None:
    assert owner.get(f"{path_of(demo)}export/").headers["Location"] == path_of(demo)
    for data, query in (({"as": "xlsx"}, ""), ({}, ""), ({"as": "csv"}, "?when=custom&after=never")):
        assert owner.post(f"{path_of(demo)}export/{query}", data).status_code == 400
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


def test_s33_another_apps_export_is_not_there(demo: Demo, owner: Client) -> None:
    answer = owner.post(f"/apps/{demo.foreign_app.slug}/audit-logs/export/", {"as": "csv"})

    assert answer.status_code == 404
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


def test_s36_an_export_takes_the_token_of_the_session(demo: Demo) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(demo.owner, backend="django.contrib.auth.backends.ModelBackend")

    assert strict.post(f"{path_of(demo)}export/", {"as": "csv"}).status_code == 403


# What changed, in words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ["A", "B"]}, ("Name", "A", "B", False, False)),
        ({"enabled": [True, False]}, ("Enabled", "yes", "no", False, False)),
        ({"rate_limit": [20, None]}, ("Rate limit", "20", "nothing", False, False)),
        ({"role": [None, "owner"]}, ("Role", "nothing", "owner", True, False)),
        ({"canceled": 3}, ("Canceled", "nothing", "3", True, False)),
        ({"event_types": [["a.b"], ["a.b", "c.*"]]}, ("Event types", "a.b", "a.b, c.*", False, False)),
        ({"headers": [{}, {"X": "[redacted]"}]}, ("Headers", "nothing", "X: [redacted]", False, False)),
        ({"ends_at": "2026-03-09T08:07:06.5Z"}, ("Ends at", "nothing", "9 Mar 2026, 08:07:06 UTC", True, False)),
        ({"url": ["https://a.example/", "x" * 90]}, ("URL", "https://a.example/", "x" * 90, False, True)),
        ({"schema": [None, {"a": {"b": 1}}]}, ("Schema", None, {"a": {"b": 1}}, True, True)),
    ],
)
def test_a_change_is_short_text_or_a_block(changes: dict[str, Any], told: tuple[object, ...]) -> None:
    [change] = readable_changes(changes)

    assert (change.label, change.before, change.after, change.is_fact, change.is_block) == told
