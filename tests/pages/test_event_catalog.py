"""The tab Event Catalog: list and search, a type's page, and who may change what."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.models import EventTypeTally
from deliveries.statistics import EventTypeCount
from deliveries.tally import HALF_HOUR, bucket_start
from events.catalog.built_in import BUILT_IN_TYPES
from events.models import EventType
from tests.demo import Demo
from tests.factories import ACTOR, make_app, make_delivery, make_endpoint, make_event, make_event_type
from tests.pages.conftest import client_of
from tests.pages.event_catalog import text_of
from tests.query_counts import assert_query_count
from webhooks.members import add_member
from webhooks.models import AuditEntry, Role

pytestmark = pytest.mark.django_db


def names_in(html: str, demo: Demo) -> list[str]:
    """The types that a list links to, in its order."""
    parts = html.split('<a class="mono" href="')[1:]
    return [part.partition('"')[0].removesuffix("/").rpartition("/")[2] for part in parts]


# The list ----------------------------------------------------------------------------------------


def test_own_types_come_first_and_built_in_families_in_their_order(demo: Demo, owner: Client) -> None:
    names = names_in(text_of(owner, f"{demo.path}event-catalog/"), demo)

    own = ["customer.updated", "invoice.created", "order.paid", "order.refunded", "shipment.sent"]
    assert names[:5] == own
    families = list(dict.fromkeys(name.partition(".")[0] for name in names[5:]))
    assert families == ["app", "organization", "auth", "email", "webhook"]
    assert sorted(names[5:]) == sorted(BUILT_IN_TYPES)


def test_a_search_needs_every_word_in_name_or_description(demo: Demo, owner: Client) -> None:
    def found(words: str) -> list[str]:
        return names_in(text_of(owner, f"{demo.path}event-catalog/?q={words}"), demo)

    assert found("ORDER") == ["order.paid", "order.refunded"]
    assert found("parcel+carrier") == ["shipment.sent"]
    assert found("order+parcel") == []
    assert found("%25") == []
    assert found("%00order") == ["order.paid", "order.refunded"]
    html = text_of(owner, f"{demo.path}event-catalog/?q=<b>nothing")
    assert "No event type matches" in html
    assert "<b>nothing" not in html  # S35


def test_htmx_gets_the_list_alone(demo: Demo, owner: Client) -> None:
    html = text_of(owner, f"{demo.path}event-catalog/?q=order", **{"HX-Request": "true", "HX-Target": "catalog"})

    assert "<html" not in html
    assert names_in(html, demo) == ["order.paid", "order.refunded"]


def test_the_list_counts_the_endpoints_of_its_environment(demo: Demo, owner: Client) -> None:
    def row(path: str) -> str:
        return text_of(owner, path).partition("event-catalog/order.paid/")[2].partition("</tr>")[0]

    # Billing, Warehouse (order.*), CRM sync (*), Sandbox ERP (disabled), Brand new; in test: Staging (*).
    assert "<span>5 endpoints</span>" in row(f"{demo.path}event-catalog/")
    assert "<span>1 endpoint</span>" in row(f"{demo.test_path}event-catalog/")


def test_an_app_without_own_types_is_led_to_its_first_one(demo: Demo, owner: Client, viewer: Client) -> None:
    EventType.objects.filter(app=demo.app).delete()
    path = f"{demo.path}event-catalog/"

    assert "No event type of your own yet" in text_of(owner, path)
    assert f'href="{path}add/"' in text_of(owner, path)
    assert "No event type of your own yet" in text_of(viewer, path)
    assert "add/" not in text_of(viewer, path).partition("<main")[2]
    assert "No event type of your own yet" not in text_of(owner, f"{path}?q=app.updated")


def test_s34_another_apps_types_are_in_no_list_and_on_no_page(demo: Demo, owner: Client) -> None:
    make_event_type(demo.foreign_app, "secret.plan", description="order")

    assert "secret.plan" not in text_of(owner, f"{demo.path}event-catalog/")
    assert "secret.plan" not in text_of(owner, f"{demo.path}event-catalog/?q=secret")
    for way in ("", "edit/", "delete/", "deprecate/"):
        foreign = owner.get(f"{demo.path}event-catalog/secret.plan/{way}")
        missing = owner.get(f"{demo.path}event-catalog/no.such/{way}")
        assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert owner.get(f"{demo.path}event-catalog/%00/").status_code == 404


# A type ------------------------------------------------------------------------------------------


def test_a_type_shows_fields_example_subscribers_and_how_to_emit_it(demo: Demo, owner: Client) -> None:
    html = text_of(owner, f"{demo.path}event-catalog/order.paid/")

    for part in ("order_id", "Of your own system.", "In cents.", "at least 0", "EUR", "array of object"):
        assert part in html
    for name in ("Billing", "Warehouse", "CRM sync", "Sandbox ERP", "Brand new"):
        assert f'href="{demo.path}endpoints/{demo.ids[name]}/">{name}</a>' in html
    assert "Analytics" not in html
    assert "Foreign" not in html
    for part in (f"/api/v1/apps/{demo.app.public_id}/events", "sk_live_YOUR_KEY", "order.paid"):
        assert part in html
    assert f'href="{demo.path}test-send/?type=order.paid"' in html
    assert "sk_test_YOUR_KEY" in text_of(owner, f"{demo.test_path}event-catalog/order.paid/")


def test_a_type_tells_its_recent_volume_in_its_environment(demo: Demo, owner: Client) -> None:
    now = timezone.now()
    for environment, hours, events in (("live", 1, 3), ("live", 50, 4), ("test", 1, 5)):
        start = bucket_start(now - dt.timedelta(hours=hours), HALF_HOUR)
        counts = {"events": events, "deliveries": events * 10, "succeeded": events * 10, "failed": events * 100}
        EventTypeTally.objects.create(
            app=demo.app, environment=environment, event_type="order.paid", start=start, **counts
        )

    def told(path: str) -> list[tuple[str, EventTypeCount]]:
        volume = owner.get(f"{path}event-catalog/order.paid/").context["volume"]
        return [(period.name, count) for period, count in volume]

    assert told(demo.path) == [
        ("DAY", EventTypeCount("order.paid", 3, 30, 30, 300)),
        ("WEEK", EventTypeCount("order.paid", 7, 70, 70, 700)),
    ]
    assert told(demo.test_path)[0] == ("DAY", EventTypeCount("order.paid", 5, 50, 50, 500))
    html = text_of(owner, f"{demo.path}event-catalog/order.paid/")
    assert f'href="{demo.path}deliveries/?type=order.paid">Deliveries of this type</a>' in html


def test_a_built_in_type_tells_who_emits_it_and_webhook_types_the_rules_against_circles(
    demo: Demo, owner: Client
) -> None:
    html = text_of(owner, f"{demo.path}event-catalog/webhook.delivery.failed/")

    assert "your keys cannot emit it" in html
    assert "An event about an endpoint is never sent to that endpoint" in html
    assert "None: events of this type are stored, and go nowhere." in html  # CRM sync has *, which leaves it out
    assert "YOUR_KEY" not in html
    assert "/edit/" not in html
    assert "An event about an endpoint" not in text_of(owner, f"{demo.path}event-catalog/app.updated/")


def test_names_descriptions_and_examples_are_shown_as_text_only(demo: Demo, owner: Client) -> None:
    """S35."""
    attack = "<script>alert(1)</script>"
    make_event_type(
        demo.app, "odd.type", description=attack, schema={"properties": {attack: {"description": attack}}},
        example={attack: attack},
    )  # fmt: skip

    for page in ("", "?q=odd", "odd.type/", "odd.type/edit/"):
        assert attack not in text_of(owner, f"{demo.path}event-catalog/{page}")


# Who may, and what it costs ----------------------------------------------------------------------


def test_s37_a_viewer_reads_but_changes_nothing(demo: Demo, viewer: Client) -> None:
    make_event_type(demo.app, "never.used")
    base = f"{demo.path}event-catalog/"

    for page in (base, f"{base}never.used/"):
        html = text_of(viewer, page).partition("<main")[2]
        assert not [way for way in ("add/", "/edit/", "/delete/", "test-send/?") if way in html]
        assert "import/" not in html
    posts = [
        ("add/", {"name": "order.packed"}),
        ("add/", {"name": "order.packed", "do": "check"}),
        ("never.used/edit/", {"description": "Mine."}),
        ("never.used/delete/", {"confirm": "never.used"}),
        ("import/", {"document": "{}"}),
    ]
    for page, fields in posts:
        assert viewer.get(base + page).status_code == 403
        assert viewer.post(base + page, fields).status_code == 403
    assert viewer.post(f"{base}never.used/deprecate/", {"deprecated": "yes"}).status_code == 403
    assert viewer.get(f"{base}export/").status_code == 200
    unchanged = EventType.objects.get(app=demo.app, name="never.used")
    assert (unchanged.description, unchanged.deprecated) == ("", False)
    assert not EventType.objects.filter(name="order.packed").exists()
    assert AuditEntry.objects.filter(actor_type="builder").count() == 0


@pytest.mark.parametrize("way", ["edit/", "delete/"])
def test_built_in_types_are_read_only(demo: Demo, owner: Client, way: str) -> None:
    path = f"{demo.path}event-catalog/webhook.test/{way}"

    assert owner.get(path).status_code == 403
    assert owner.post(path, {"description": "Mine.", "confirm": "webhook.test"}).status_code == 403
    assert EventType.objects.get(name="webhook.test").description != "Mine."


def test_the_pages_make_as_many_queries_however_much_there_is(demo: Demo, owner: Client) -> None:
    def add_rows() -> None:
        for _ in range(3):
            name = f"more.number_{EventType.objects.count()}"
            make_event_type(demo.app, name, schema={"type": "object"})
            make_delivery(make_event(demo.app, data={"order_id": "ord_1", "total": 5}), make_endpoint(demo.app))

    base = f"{demo.path}event-catalog/"
    assert_query_count("event-catalog", owner, base, add_rows)
    assert_query_count("event-catalog search", owner, f"{base}?q=order", add_rows)
    assert_query_count("event type", owner, f"{base}order.paid/", add_rows)
    assert_query_count("event type edit", owner, f"{base}order.paid/edit/", add_rows)


def test_an_empty_app_has_a_catalog_of_built_in_types(demo: Demo) -> None:
    app = make_app("Fresh").app
    add_member(app, demo.owner, Role.OWNER, ACTOR)

    html = text_of(client_of(demo.owner), f"/apps/{app.slug}/webhooks/event-catalog/")

    assert names_in(html, demo)[0] == "app.api_key.created"
