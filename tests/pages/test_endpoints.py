"""The list of endpoints and the page of one: what they tell, and to whom."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.models import Attempt, Delivery, EndpointTally, Lane
from deliveries.tally import HOUR, bucket_start
from deliveries.test_send import send_test
from tests.demo import Demo
from tests.factories import ACTOR, make_endpoint
from tests.pages.conftest import client_of
from tests.query_counts import assert_query_count
from webhooks.models import AuditEntry, Endpoint

pytestmark = pytest.mark.django_db
SECTIONS = ["", "settings/", "secret/", "setup/", "delete/"]
FOR_DEVELOPERS = ["settings/", "setup/", "disable/", "enable/", "delete/", "secret/reveal/", "secret/rotate/"]


def rows_of(client: Client, path: str) -> dict[str, str]:
    """The text of each row of the list by the endpoint's name, spaces told once."""
    html = client.get(path).content.decode()
    rows = re.findall(r"<tr>\s*<th scope=\"row\".*?</tr>", html, re.DOTALL)
    texts = [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]
    names = [re.search(r"<a [^>]*>([^<]*)</a>", row) for row in rows]
    return {name[1]: text for name, text in zip(names, texts, strict=True) if name}


def endpoint_path(demo: Demo, name: str, section: str = "") -> str:
    return f"{demo.path}endpoints/{demo.ids[name]}/{section}"


def test_the_list_tells_how_each_endpoint_does(demo: Demo, owner: Client) -> None:
    Lane.objects.filter(pk=demo.endpoints["Old portal"].pk).update(open_until=timezone.now() + HOUR)
    hour = bucket_start(timezone.now(), HOUR)
    for start, succeeded, failed in ((hour, 900, 0), (hour - 2 * HOUR, 91, 9)):
        EndpointTally.objects.create(
            endpoint=demo.endpoints["Billing"], start=start, deliveries=1, succeeded=succeeded, failed=failed
        )

    rows = rows_of(owner, f"{demo.path}endpoints/")

    assert list(rows) == ["Brand new", "Analytics", "Sandbox ERP", "Old portal", "CRM sync", "Warehouse", "Billing"]
    brand_new = "Brand new new.northwind.example Setup order.paid no traffic \N{EN DASH} Finish the set-up of Brand new"
    assert rows["Brand new"] == brand_new
    assert rows["Analytics"].startswith("Analytics in.analytics.example Ready customer.updated")
    assert rows["Sandbox ERP"].startswith("Sandbox ERP erp.northwind.example Setup Disabled 1 held order.paid")
    assert " Held " in rows["Sandbox ERP"]
    assert "Attention Breaker open tries again" in rows["Old portal"]
    assert "CRM sync hooks.crm.example Live all events" in rows["CRM sync"]
    assert "Billing billing.northwind.example Attention invoice.* order.paid 99.1 % Succeeded" in rows["Billing"]
    html = owner.get(f"{demo.path}endpoints/").content.decode()
    assert "Attempts in the last 24 hours: 991 succeeded, 9 failed" in html


def test_a_row_names_two_patterns_and_counts_the_others(demo: Demo, owner: Client) -> None:
    make_endpoint(demo.app, name="Many", event_types=["order.*", "invoice.created", "customer.*", "shipment.sent"])

    assert "order.* invoice.created and 2 more" in rows_of(owner, f"{demo.path}endpoints/")["Many"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=ware", ["Warehouse"]),
        ("q=NORTHWIND.example/hooks&state=attention", ["Old portal", "Billing"]),
        ("state=attention", ["Old portal", "Billing"]),
        ("state=disabled", ["Sandbox ERP"]),
        ("q={Analytics}", ["Analytics"]),
        ("q={Foreign}", []),
        ("q=%25", []),
        ("state=disabled&q=ware", []),
    ],
)
def test_the_list_is_searched_by_name_url_id_and_state(demo: Demo, owner: Client, query: str, names: list[str]) -> None:
    """S33, S34."""
    path = f"{demo.path}endpoints/?{query.format(**demo.ids)}"

    assert list(rows_of(owner, path)) == names
    page = owner.get(path).content.decode()
    assert ("No endpoint matches" in page) == (names == [])
    assert "Add first endpoint" not in page


@pytest.mark.parametrize("query", ["state=unknown", "q=%00", f"q={'x' * 201}"])
def test_a_search_that_is_malformed_says_so_and_shows_all(demo: Demo, owner: Client, query: str) -> None:
    page = owner.get(f"{demo.path}endpoints/?{query}")

    assert page.status_code == 200
    assert 'class="errorlist"' in page.content.decode()
    assert len(rows_of(owner, f"{demo.path}endpoints/?{query}")) == 7


def test_s34_the_list_is_of_this_app_and_environment_alone(demo: Demo, owner: Client) -> None:
    assert list(rows_of(owner, f"{demo.test_path}endpoints/")) == ["Staging"]
    assert "Foreign" not in rows_of(owner, f"{demo.path}endpoints/")


def test_an_app_without_endpoints_says_what_to_do(demo: Demo, owner: Client) -> None:
    path = f"/apps/{demo.other_app.slug}/webhooks/endpoints/"
    page = owner.get(path).content.decode()

    assert f'<a class="button main" href="{path}add/">Add first endpoint</a>' in page


def test_s37_a_viewer_of_an_app_without_endpoints_is_not_offered_one(demo: Demo, viewer: Client) -> None:
    Endpoint.objects.filter(app=demo.app).update(deleted_at=timezone.now())

    page = viewer.get(f"{demo.path}endpoints/").content.decode()

    assert "No endpoint yet" in page
    assert "Add first endpoint" not in page


def test_s37_a_viewer_is_not_sent_to_a_set_up(demo: Demo, viewer: Client) -> None:
    assert rows_of(viewer, f"{demo.path}endpoints/")["Brand new"].endswith("none yet")


def test_the_list_goes_on_to_further_pages(demo: Demo, owner: Client) -> None:
    for number in range(50):
        make_endpoint(demo.app, name=f"Endpoint {number}")

    first = owner.get(f"{demo.path}endpoints/").content.decode()
    older = re.search(r'rel="next" href="([^"]*)"', first)
    assert older
    second = rows_of(owner, f"{demo.path}endpoints/{older[1]}")

    assert "Endpoint 49" in first
    assert list(second) == list(rows_of(owner, f"{demo.path}endpoints/{older[1]}"))
    assert len(second) == 7


# One endpoint -----------------------------------------------------------------------------------------------------


def test_an_endpoints_page_gives_the_verdict_first(demo: Demo, owner: Client) -> None:
    Lane.objects.filter(pk=demo.endpoints["Old portal"].pk).update(open_until=timezone.now() + HOUR)

    def verdict(name: str) -> str:
        found = re.search(r'endpoint-verdict">(.*?)</p>', owner.get(endpoint_path(demo, name)).content.decode())
        assert found
        return found[1]

    assert verdict("Warehouse") == "It delivers normally."
    assert verdict("Analytics") == "A test has arrived: it is ready for the first real event."
    assert verdict("Brand new") == "Nothing has arrived yet: send a test event and watch it."
    lost = "It needs review: a delivery failed for good in the last 24 hours"
    assert verdict("Billing") == f"{lost}; what has failed is tried again by itself."
    Lane.objects.update(last_exhausted_at=timezone.now() - dt.timedelta(hours=24))
    assert verdict("Billing") == "It needs review: what has failed is tried again by itself."
    Lane.objects.update(last_exhausted_at=timezone.now() - dt.timedelta(hours=23))
    assert verdict("Warehouse") == f"{lost}."
    Lane.objects.update(last_exhausted_at=None)
    assert verdict("Old portal").startswith("It fails: 40 attempts in a row did.")
    assert verdict("Sandbox ERP") == ("It is disabled: nothing is sent to it but test sends. One delivery is held.")


def test_an_endpoints_page_tells_its_figures_and_last_deliveries(demo: Demo, owner: Client) -> None:
    page = owner.get(endpoint_path(demo, "Billing")).content.decode()

    assert demo.ids["retrying"] in page
    assert f'href="{demo.path}deliveries/?endpoint={demo.ids["Billing"]}"' in page
    assert "0 for the first attempt, 1 for a retry" in page
    assert page.count("<tr>") == 6  # a head, four of an hour, the one that waits for a retry


def test_an_endpoint_that_fails_says_why_and_what_to_do(demo: Demo, owner: Client) -> None:
    failing = owner.get(endpoint_path(demo, "Old portal")).content.decode()
    well = owner.get(endpoint_path(demo, "Warehouse")).content.decode()

    assert "What went wrong" in failing
    assert "What to do:" in failing
    assert f'href="{demo.path}deliveries/{demo.ids["failed"]}/"' in failing
    assert "What went wrong" not in well


def test_s25_header_values_are_on_no_page(demo: Demo, owner: Client) -> None:
    endpoint = make_endpoint(demo.app, name="With headers", headers={"X-Team": "s3cret-value"})

    for section in SECTIONS:
        page = owner.get(f"{demo.path}endpoints/{endpoint.public_id}/{section}").content.decode()
        assert "s3cret-value" not in page
    assert "<code>X-Team</code>" in owner.get(f"{demo.path}endpoints/{endpoint.public_id}/").content.decode()


@pytest.mark.parametrize("section", [*SECTIONS, *FOR_DEVELOPERS])
def test_s33_no_page_of_another_apps_endpoint_is_there(demo: Demo, owner: Client, section: str) -> None:
    foreign = demo.endpoints["Foreign"]
    before = AuditEntry.objects.count()

    for path in (f"{demo.path}endpoints/{foreign.public_id}/", f"{demo.test_path}endpoints/{foreign.public_id}/"):
        assert owner.get(path + section).status_code == 404
        assert owner.post(path + section, {"overlap": 0, "held": "release", "confirm": "Foreign"}).status_code == 404
    foreign.refresh_from_db()
    assert foreign.deleted_at is None
    assert foreign.enabled
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("section", FOR_DEVELOPERS)
def test_s33_a_change_in_the_other_environment_is_refused(demo: Demo, owner: Client, section: str) -> None:
    before = AuditEntry.objects.count()

    answer = owner.post(
        f"{demo.test_path}endpoints/{demo.ids['Billing']}/{section}", {"overlap": 0, "confirm": "Billing"}
    )

    assert answer.status_code == 404
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("section", FOR_DEVELOPERS)
def test_s37_a_viewer_changes_and_reveals_nothing(demo: Demo, viewer: Client, section: str) -> None:
    before = AuditEntry.objects.count(), Delivery.objects.count(), Endpoint.objects.get(name="Billing").version
    given = {"overlap": 0, "held": "cancel", "confirm": "Billing", "url": "https://192.0.78.1/", "event_types": "*"}

    answers = [
        viewer.post(endpoint_path(demo, "Billing", section), given),
        viewer.get(endpoint_path(demo, "Billing", section)),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert not any(b"whsec_" in answer.content for answer in answers)
    billing = Endpoint.objects.get(name="Billing")
    assert (AuditEntry.objects.count(), Delivery.objects.count(), billing.version) == before
    assert billing.deleted_at is None
    assert billing.enabled


def test_s37_a_viewer_sees_no_button_of_an_endpoint(demo: Demo, viewer: Client) -> None:
    for name in ("Billing", "Sandbox ERP", "Brand new"):
        for section in ("", "secret/"):
            page = viewer.get(endpoint_path(demo, name, section)).content.decode()
            main = page[page.index("<main") : page.index("</main")]
            for word in ("Disable<", "Enable<", "Delete", "Reveal the", "Rotate", "Settings", "set-up", "<form"):
                assert word not in main, (name, section, word)


@pytest.mark.parametrize("section", SECTIONS)
def test_queries_of_an_endpoints_pages_do_not_grow_with_its_deliveries(demo: Demo, section: str) -> None:
    endpoint = demo.endpoints["Billing"]

    def add_rows() -> None:
        for _ in range(5):
            send_test(endpoint, "webhook.test", ACTOR)

    name = f"endpoint {section.strip('/') or 'overview'}"
    assert_query_count(name, client_of(demo.owner), endpoint_path(demo, "Billing", section), add_rows)


def test_a_page_never_waits_for_the_history(demo: Demo, owner: Client) -> None:
    """An endpoint without any delivery has pages, and one whose deliveries are pruned keeps its facts."""
    Attempt.objects.all().delete()
    Delivery.objects.filter(endpoint=demo.endpoints["Warehouse"]).delete()
    Lane.objects.filter(pk=demo.endpoints["Warehouse"].pk).update(
        last_success_at=timezone.now() - dt.timedelta(days=100)
    )

    page = owner.get(endpoint_path(demo, "Warehouse")).content.decode()

    assert "No delivery yet" in page
    assert "It delivers normally." in page
