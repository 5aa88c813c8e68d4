"""The audit log over REST: read by filters and cursor, exported as a file that spreadsheets may open."""

import csv
import datetime as dt
import io
import json
from typing import Any

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test.utils import CaptureQueriesContext

from deliveries.endpoints import update_endpoint
from switera_webhooks.times import iso
from tests.api.conftest import Api, refusal
from tests.factories import ACTOR, make_endpoint, make_event_type, make_organization
from webhooks import audit
from webhooks.api.audit_files import disarmed
from webhooks.app_setup import CreatedApp
from webhooks.audit import SYSTEM, Actor
from webhooks.models import AuditEntry

TIME = "Give an ISO 8601 date and time with its offset, such as 2026-01-31T12:00:00Z."


def add_entry(shop: CreatedApp, action: str = "endpoint.updated", actor: Actor = ACTOR, **columns: Any) -> AuditEntry:
    """An entry about an endpoint that is not there; `columns` as they are."""
    entry = audit.record(shop.app, actor, action, target_type="endpoint", target_id="ep_1", target_name="Billing")
    if columns:
        AuditEntry.objects.filter(pk=entry.pk).update(**columns)
        entry.refresh_from_db()
    return entry


def exported(api: Api, **query: object) -> bytes:
    """What the export streams; it is whole."""
    answer: Any = api.get("audit/export", **query)
    assert answer.status_code == 200
    assert isinstance(answer, StreamingHttpResponse)
    return answer.getvalue()


def actions(api: Api, **query: object) -> list[str]:
    return [entry["action"] for entry in api.get("audit", **query).json()["items"]]


def test_an_entry_tells_who_did_what_to_which_object_and_what_changed(live_api: Api, shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app, name="Billing")
    live_api.patch(f"endpoints/{endpoint.public_id}", {"name": "Invoices", "headers": {"X-Team": "blue"}})

    [entry] = live_api.get("audit", action="endpoint.updated").json()["items"]

    row = AuditEntry.objects.get(action="endpoint.updated")
    assert entry == {
        "id": row.public_id,
        "action": "endpoint.updated",
        "actor": {"type": "api_key", "id": row.actor_id, "name": row.actor_name},
        "target": {"type": "endpoint", "id": endpoint.public_id, "name": "Invoices"},
        "changes": {"name": ["Billing", "Invoices"], "headers": [{}, {"X-Team": "[redacted]"}]},
        "ip": "127.0.0.1",
        "created_at": iso(row.created_at),
    }
    assert row.actor_name == f"{shop.live_key[:12]}…{shop.live_key[-4:]}"


def test_entries_come_newest_first_by_cursor(live_api: Api, shop: CreatedApp) -> None:
    ids = [add_entry(shop).public_id for _ in range(5)][::-1]

    first = live_api.get("audit", limit=2, action="endpoint.updated").json()
    second = live_api.get("audit", limit=2, action="endpoint.updated", cursor=first["next"]).json()
    third = live_api.get("audit", limit=2, action="endpoint.updated", cursor=second["next"]).json()

    assert [[item["id"] for item in page["items"]] for page in (first, second, third)] == [ids[:2], ids[2:4], ids[4:]]
    assert third["next"] is None
    assert live_api.get("audit", limit=2, cursor=second["previous"]).json()["items"] == first["items"]


def test_filters_narrow_by_action_actor_and_time(live_api: Api, shop: CreatedApp) -> None:
    AuditEntry.objects.all().delete()
    builder = Actor(audit.ActorType.BUILDER, "7", "ada")
    add_entry(shop, "endpoint.disabled", SYSTEM)
    add_entry(shop, "endpoint.disabled", builder)
    add_entry(shop, "endpoint.enabled", builder)
    add_entry(shop, "endpoint.deleted", ACTOR)
    moments = [add_entry(shop, f"replay.{minute}", builder) for minute in range(3)]
    for minute, entry in enumerate(moments):
        AuditEntry.objects.filter(pk=entry.pk).update(created_at=entry.created_at + dt.timedelta(seconds=minute))
        entry.refresh_from_db()

    assert actions(live_api, action="endpoint.disabled") == ["endpoint.disabled"] * 2
    assert actions(live_api, actor="7", action="endpoint.enabled") == ["endpoint.enabled"]
    assert actions(live_api, actor="system") == ["endpoint.disabled"]
    assert actions(live_api, actor="command") == ["endpoint.deleted"]
    assert actions(live_api, actor="8") == actions(live_api, action="endpoint") == []
    window = {"after": iso(moments[0].created_at), "before": iso(moments[2].created_at)}
    assert actions(live_api, **window) == ["replay.1"]
    assert actions(live_api, after="2226-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ({"after": "yesterday"}, {"after": [TIME]}),
        ({"before": "2026-01-01"}, {"before": [TIME]}),
        ({"action": "x" * 65}, {"action": ["Ensure this field has no more than 64 characters."]}),
        ({"limit": "0"}, {"limit": ["Ensure this value is greater than or equal to 1."]}),
        ({"cursor": "no"}, {"cursor": ["Give the next or previous of an earlier answer, unchanged."]}),
    ],
)
def test_a_wrong_filter_is_named(live_api: Api, query: dict[str, str], details: dict[str, list[str]]) -> None:
    assert refusal(live_api.get("audit", **query)) == (400, "invalid", details)


def test_s30_s34_each_key_reads_of_its_app_and_environment_and_a_live_key_of_what_is_shared(
    live_api: Api, test_api: Api, rival_api: Api, shop: CreatedApp, rival: CreatedApp
) -> None:
    AuditEntry.objects.all().delete()
    make_endpoint(shop.app)
    make_endpoint(shop.app, environment="test")
    make_event_type(shop.app)
    make_endpoint(rival.app)

    assert actions(live_api) == ["event_type.created", "endpoint.created"]
    assert actions(test_api) == ["endpoint.created"]
    assert actions(rival_api) == ["endpoint.created"]
    ids = {item["id"] for api in (live_api, test_api, rival_api) for item in api.get("audit").json()["items"]}
    assert len(ids) == 4
    lines = exported(test_api, **{"as": "csv"}).decode().splitlines()
    assert len(lines) == 2


def test_reading_it_costs_two_queries_however_many_entries(live_api: Api, shop: CreatedApp) -> None:
    live_api.get("audit")
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            live_api.get("audit")
        assert len(queries) == 2
        for _ in range(5):
            add_entry(shop)


# The export ---------------------------------------------------------------------------------------------------------


def test_s35_a_csv_is_safe_to_open_in_a_spreadsheet(live_api: Api, shop: CreatedApp) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain", 'quo"te, and\nline']
    for name in names:
        audit.record(shop.app, ACTOR, "endpoint.updated", target_type="endpoint", target_id="ep_1", target_name=name)

    text = exported(live_api, action="endpoint.updated").decode()

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["target_name"] for row in rows][::-1] == [*(f"'{name}" for name in names[:6]), *names[6:]]
    assert list(rows[0]) == [
        "id", "created_at", "action", "actor_type", "actor_id", "actor_name",
        "target_type", "target_id", "target_name", "changes", "ip",
    ]  # fmt: skip
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize(
    ("text", "cell"),
    [("", ""), ("a=1", "a=1"), ("'=1", "'=1"), ("\n=1", "'\n=1"), ("\uff1d1", "'\uff1d1"), ("\uff20x", "'\uff20x")],
)
def test_s35_only_the_start_of_a_cell_arms_it(text: str, cell: str) -> None:
    assert disarmed(text) == cell


def test_a_csv_tells_each_entry_in_a_line(live_api: Api, shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app, name="Billing")
    update_endpoint(endpoint, {"name": "Größe"}, Actor.of_command("test"))
    row = AuditEntry.objects.get(action="endpoint.updated")

    answer: Any = live_api.get("audit/export", **{"as": "csv", "action": "endpoint.updated"})

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    day = dt.datetime.now(dt.UTC).date().isoformat()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="shop-audit-{day}.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    [cells] = csv.DictReader(io.StringIO(answer.getvalue().decode(), newline=""))
    assert cells == {
        "id": row.public_id,
        "created_at": iso(row.created_at),
        "action": "endpoint.updated",
        "actor_type": "command",
        "actor_id": "",
        "actor_name": "manage.py test",
        "target_type": "endpoint",
        "target_id": endpoint.public_id,
        "target_name": "Größe",
        "changes": '{"name":["Billing","Größe"]}',
        "ip": "",
    }


def test_json_holds_the_entries_as_the_list_has_them(live_api: Api, test_api: Api, shop: CreatedApp) -> None:
    for _ in range(3):
        add_entry(shop)
    listed = live_api.get("audit").json()["items"]

    answer: Any = live_api.get("audit/export", **{"as": "json"})

    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.getvalue()) == listed
    assert json.loads(exported(test_api, **{"as": "json", "action": "none.such"})) == []
    named: Any = test_api.get("audit/export", **{"as": "json"})
    assert named.headers["Content-Disposition"].startswith('attachment; filename="shop-test-audit-')


def test_an_export_goes_through_all_entries_in_small_batches(
    live_api: Api, shop: CreatedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.audit_log._BATCH", 2)
    ids = [add_entry(shop).public_id for _ in range(6)][::-1]
    answer: Any = live_api.get("audit/export", **{"as": "json", "action": "endpoint.updated"})
    with CaptureQueriesContext(connection) as queries:
        pieces = list(answer.streaming_content)

    assert [entry["id"] for entry in json.loads(b"".join(pieces))] == ids
    # Three batches, an empty one, and no transaction around them.
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"] * 4
    assert len(pieces) == 4


def test_s46_an_export_is_on_record_with_its_filters_and_not_part_of_itself(live_api: Api, shop: CreatedApp) -> None:
    add_entry(shop)

    text = exported(live_api, **{"as": "csv", "action": "endpoint.updated", "after": "2026-01-01T00:00:00Z"}).decode()

    assert "audit.exported" not in text
    entry = AuditEntry.objects.get(action="audit.exported")
    assert (entry.actor_type, entry.target_id, entry.environment) == ("api_key", shop.app.public_id, "live")
    assert entry.changes == {"as": "csv", "action": "endpoint.updated", "after": "2026-01-01T00:00:00Z"}
    assert "audit.exported" in exported(live_api).decode()
    assert AuditEntry.objects.filter(action="audit.exported").count() == 2


def test_an_export_of_a_wrong_kind_is_refused_and_not_on_record(live_api: Api, shop: CreatedApp) -> None:
    answer = live_api.get("audit/export", **{"as": "xlsx"})

    assert refusal(answer) == (400, "invalid", {"as": ['"xlsx" is not a valid choice.']})
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


def test_what_is_a_list_is_told_as_a_change(shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app, event_types=["*"])

    entry = AuditEntry.objects.get(action="endpoint.created")
    assert entry.changes == {"url": endpoint.url, "event_types": [None, ["*"]]}


def test_the_entry_of_a_new_endpoint_tells_what_was_set_without_header_values(shop: CreatedApp) -> None:
    """S25, S46."""
    acme = make_organization(shop.app)
    endpoint = make_endpoint(
        shop.app,
        name="Order desk",
        description="Of the back office.",
        organization=acme,
        headers={"X-Team": "hush-4471"},
        metadata={"floor": "2"},
        rate_limit=20,
        enabled=False,
    )

    entry = AuditEntry.objects.get(action="endpoint.created")
    assert entry.changes == {
        "url": endpoint.url,
        "event_types": [None, ["*"]],
        "name": "Order desk",
        "description": "Of the back office.",
        "organization": str(acme),
        "headers": {"X-Team": "[redacted]"},
        "metadata": {"floor": "2"},
        "rate_limit": 20,
        "enabled": False,
    }
    assert "hush-4471" not in json.dumps(entry.changes)


def test_the_entry_of_a_new_event_type_tells_what_was_set_and_of_what_is_large_its_size(shop: CreatedApp) -> None:
    """S46."""
    schema = {"type": "object"}
    make_event_type(shop.app, "order.paid", description="Paid.", schema=schema, example={"a": 1})
    make_event_type(shop.app, "order.sent", example={"text": "x" * 9_000})
    make_event_type(shop.app, "order.lost")

    entries = AuditEntry.objects.filter(action="event_type.created").order_by("id")
    assert [entry.changes for entry in entries] == [
        {"description": "Paid.", "schema": schema, "example": {"a": 1}},
        {"example": "9,012 characters"},
        {},
    ]
