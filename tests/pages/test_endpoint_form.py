"""Adding an endpoint and changing one: what is typed, refused, kept and saved."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from deliveries.endpoint_fields import MASK
from events.models import EventType
from switera_webhooks.encryption import decrypt
from tests.demo import Demo
from tests.factories import URL, make_endpoint, make_organization
from webhooks.audit import SYSTEM
from webhooks.models import AuditEntry, Endpoint, EndpointSecret
from webhooks.secrets import reveal_secret
from webhooks.views.event_picker import choices_of

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def add_path(demo: Demo) -> str:
    return f"{demo.path}endpoints/add/"


def checked(page: str) -> list[str]:
    return re.findall(r'name="event_types" value="([^"]*)" checked', page)


def errors(page: str) -> list[str]:
    """The sentences at the fields and above them."""
    lists = re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', page, re.DOTALL)
    return [error for each in lists for error in re.findall(r"<li>(.*?)</li>", each)]


def headers_in(page: str) -> list[tuple[str, str]]:
    names = re.findall(r'name="header_name" value="([^"]*)"', page)
    return list(zip(names, re.findall(r'name="header_value" value="([^"]*)"', page), strict=True))


# Adding -----------------------------------------------------------------------------------------------------------


def test_an_endpoint_is_saved_with_all_that_was_given(demo: Demo, owner: Client) -> None:
    acme = demo.organizations["Acme"]
    answer = owner.post(
        add_path(demo),
        {
            "url": "https://192.0.78.1/hooks?token=1",
            "name": "Order desk",
            "description": "Of the back office.",
            "event_types": ["order.*", "invoice.created"],
            "organization": acme.public_id,
            "header_name": ["X-Team", ""],
            "header_value": ["blue", ""],
            "rate_limit": "20",
        },
    )

    endpoint = Endpoint.objects.get(name="Order desk")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{demo.path}endpoints/{endpoint.public_id}/setup/"
    assert (endpoint.app, endpoint.environment, endpoint.enabled) == (demo.app, "live", True)
    assert (endpoint.url, endpoint.description) == ("https://192.0.78.1/hooks?token=1", "Of the back office.")
    assert endpoint.event_types == ["order.*", "invoice.created"]
    assert (endpoint.organization, endpoint.rate_limit) == (acme, 20)
    assert {name: decrypt(value) for name, value in endpoint.headers.items()} == {"X-Team": "blue"}
    entry = AuditEntry.objects.get(action="endpoint.created", target_id=endpoint.public_id)
    assert (entry.actor_type, entry.actor_id, entry.ip) == ("builder", str(demo.owner.pk), "192.0.2.7")


def test_two_fields_are_enough_and_the_page_says_which_environment(demo: Demo, owner: Client) -> None:
    path = f"{demo.test_path}endpoints/add/"
    assert "from the test environment" in owner.get(path).content.decode()

    owner.post(path, {"url": URL, "event_types": "*"})

    endpoint = Endpoint.objects.get(url=URL)
    assert (endpoint.environment, endpoint.event_types, endpoint.name) == ("test", ["*"], "")


def test_s29_the_secret_is_shown_once_and_waits_encrypted(demo: Demo, owner: Client) -> None:
    answer = owner.post(add_path(demo), {"url": URL, "event_types": "*"})
    endpoint = Endpoint.objects.get(url=URL)
    secret = decrypt(EndpointSecret.objects.get(endpoint=endpoint).ciphertext)
    assert secret not in str(dict(owner.session))

    first = owner.get(answer.headers["Location"])
    again = owner.get(answer.headers["Location"])

    assert first.content.decode().count(f"<code>{secret}</code>") == 1
    assert "no-store" in first.headers["Cache-Control"]
    assert secret not in again.content.decode()
    assert "whsec_••••••••" in again.content.decode()
    assert not AuditEntry.objects.filter(action="endpoint.secret.revealed").exists()


def test_bad_input_loses_nothing_and_every_mistake_is_told_at_once(demo: Demo, owner: Client) -> None:
    """S1, S24."""
    before = Endpoint.objects.count(), AuditEntry.objects.count()
    answer = owner.post(
        add_path(demo),
        {
            "url": "http://192.0.78.1/hooks",
            "name": "x" * 201,
            "description": "Kept.",
            "event_types": ["order.paid", "order.lost"],
            "organization": "org_nobody",
            "header_name": ["X-Team", "Cookie", ""],
            "header_value": ["blue", "a=b", "without a name"],
            "rate_limit": "many",
        },
    )

    page = answer.content.decode()
    assert answer.status_code == 400
    assert errors(page) == [
        "Use an https:// URL.",
        "Give text of at most 200 characters, without control characters.",
        "order.lost is not in the event catalog.",
        "This app has no such organization: choose another.",
        "Cookie: Use another name: this header is set by the service.",
        "Use letters, digits and hyphens for the name.",
        "Enter a whole number.",
    ]
    assert 'value="http://192.0.78.1/hooks"' in page
    assert f'value="{"x" * 201}"' in page
    assert "Kept.</textarea>" in page
    assert 'value="many"' in page
    assert sorted(checked(page)) == ["order.lost", "order.paid"]
    assert headers_in(page) == [("X-Team", "blue"), ("Cookie", "a=b"), ("", "without a name"), ("", "")]
    assert '<details class="more" open>' in page
    assert (Endpoint.objects.count(), AuditEntry.objects.count()) == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"url": ""}, "Write the whole URL, such as https://hooks.example.com/path."),
        ({"event_types": []}, "Give at least one event type, such as order.paid, order.* or *."),
        ({"url": f" {URL}"}, "Remove spaces, line breaks, backslashes and invisible characters, also at the ends."),
        ({"url": "https://10.0.0.1/"}, "10.0.0.1 is a private address (10.0.0.0/8): use a public address."),
        ({"rate_limit": "0"}, "Give 1 to 10,000 deliveries a second, or nothing (null over REST) for no limit."),
        ({"header_name": ["X-A", "X-A"], "header_value": ["1", "2"]}, "Give each header once."),
    ],
)
def test_what_is_refused_is_told_at_its_field(
    demo: Demo, owner: Client, changes: dict[str, Any], sentence: str
) -> None:
    """S2, S9, S24."""
    before = Endpoint.objects.count()

    answer = owner.post(add_path(demo), {"url": URL, "event_types": "*"} | changes)

    assert (answer.status_code, errors(answer.content.decode())) == (400, [sentence])
    assert Endpoint.objects.count() == before


def test_s33_an_organization_of_another_app_is_none(demo: Demo, owner: Client) -> None:
    foreign = make_organization(demo.foreign_app)

    answer = owner.post(add_path(demo), {"url": URL, "event_types": "*", "organization": foreign.public_id})

    assert errors(answer.content.decode()) == ["This app has no such organization: choose another."]
    assert not Endpoint.objects.filter(url=URL).exists()


def test_s39_over_the_limit_nothing_typed_is_lost(demo: Demo, owner: Client, settings: Settings) -> None:
    settings.WEBHOOKS_MAX_ENDPOINTS = 1
    before = Endpoint.objects.count()

    answer = owner.post(add_path(demo), {"url": URL, "event_types": "order.paid", "name": "One more"})

    page = answer.content.decode()
    assert answer.status_code == 429
    assert errors(page) == ["This app has its 1 endpoints: delete one first."]
    assert checked(page) == ["order.paid"]
    assert 'value="One more"' in page
    assert Endpoint.objects.count() == before


def test_a_row_for_a_header_is_added_without_a_script(demo: Demo, owner: Client) -> None:
    before = Endpoint.objects.count()
    given = {"url": "htt", "event_types": "order.*", "header_name": "X-A", "header_value": "1", "add_header": "1"}

    answer = owner.post(add_path(demo), given)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert errors(page) == []
    assert headers_in(page) == [("X-A", "1"), ("", ""), ("", "")]
    assert 'value="htt"' in page
    assert checked(page) == ["order.*"]
    assert Endpoint.objects.count() == before


def test_an_app_without_organizations_is_not_asked_for_one(demo: Demo, owner: Client) -> None:
    path = f"/apps/{demo.other_app.slug}/webhooks/endpoints/add/"

    assert 'name="organization"' in owner.get(add_path(demo)).content.decode()
    assert 'name="organization"' not in owner.get(path).content.decode()


def test_s35_what_people_named_is_shown_as_text(demo: Demo, owner: Client) -> None:
    EventType.objects.filter(name="order.paid").update(description="<b>bold</b>")

    page = owner.post(add_path(demo), {"url": '"><script>', "name": "<i>", "header_name": "<u>"}).content.decode()

    assert not re.search(r"<b>bold|\"><script>|<i>|<u>", page)


# A URL while it is typed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "word", "sentence"),
    [
        (URL, "Accepted", "HTTPS, port 443: messages may be sent there."),
        ("https://2130706433/", "Not accepted", "127.0.0.1 is a loopback address (127.0.0.0/8): use a public address."),
        ("http://192.0.78.1/", "Not accepted", "Use an https:// URL."),
        ("https://hooks.northwind.example/", "Not found yet", "Deliveries fail until it resolves."),
        ("HTTPS://192.0.78.1/ä", "Accepted", "It is kept as https://192.0.78.1/%C3%A4"),
    ],
)
def test_s5_the_guard_says_of_a_url_what_it_would_say_when_saving(
    demo: Demo, owner: Client, url: str, word: str, sentence: str
) -> None:
    answer = owner.post(f"{demo.path}endpoints/check-url/", {"url": url}, headers=HTMX)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert f"<span>{word}</span>" in page
    assert sentence in page
    assert "<html" not in page


def test_of_no_url_nothing_is_said(demo: Demo, owner: Client) -> None:
    assert owner.post(f"{demo.path}endpoints/check-url/", {"url": ""}).content.strip() == b""


def test_s37_a_viewer_cannot_ask_the_guard(demo: Demo, viewer: Client) -> None:
    answer: Any = viewer.post(f"{demo.path}endpoints/check-url/", {"url": URL}, headers=HTMX)

    assert answer.status_code == 403
    assert b"Accepted" not in answer.content


# Changing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def endpoint(demo: Demo) -> Endpoint:
    return make_endpoint(
        demo.app,
        name="Desk",
        event_types=["order.*", "stock.item.*"],
        headers={"X-Team": "blue", "Authorization": "Bearer 1"},
        metadata={"team": "blue"},
        rate_limit=5,
    )


def settings_path(demo: Demo, endpoint: Endpoint) -> str:
    return f"{demo.path}endpoints/{endpoint.public_id}/settings/"


def fields_of(endpoint: Endpoint, **changes: Any) -> dict[str, Any]:
    """What a browser sends of the form as it was shown, with changes."""
    return {
        "url": endpoint.url,
        "name": endpoint.name,
        "event_types": endpoint.event_types,
        "description": endpoint.description,
        "organization": "",
        "header_name": [*endpoint.headers, ""],
        "header_value": [*[MASK for _ in endpoint.headers], ""],
        "rate_limit": endpoint.rate_limit or "",
        **changes,
    }


def test_s25_the_form_shows_what_is_stored_with_header_values_masked(
    demo: Demo, owner: Client, endpoint: Endpoint
) -> None:
    page = owner.get(settings_path(demo, endpoint)).content.decode()

    assert headers_in(page) == [("X-Team", MASK), ("Authorization", MASK), ("", "")]
    assert sorted(checked(page)) == ["order.*", "stock.item.*"]
    assert "blue" not in page


def test_saving_what_was_shown_changes_nothing(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    before = Endpoint.objects.values().get(pk=endpoint.pk)
    entries = AuditEntry.objects.count()

    answer = owner.post(settings_path(demo, endpoint), fields_of(endpoint))

    assert answer.status_code == 302
    assert Endpoint.objects.values().get(pk=endpoint.pk) == before
    assert AuditEntry.objects.count() == entries


def test_s25_a_masked_value_stays_another_is_stored_and_an_emptied_row_is_gone(
    demo: Demo, owner: Client, endpoint: Endpoint
) -> None:
    changes = {"header_name": ["X-Team", "", "X-New"], "header_value": [MASK, "", "fresh"], "rate_limit": ""}

    owner.post(settings_path(demo, endpoint), fields_of(endpoint, **changes))

    changed = Endpoint.objects.get(pk=endpoint.pk)
    assert {name: decrypt(value) for name, value in changed.headers.items()} == {"X-Team": "blue", "X-New": "fresh"}
    assert (changed.rate_limit, changed.metadata) == (None, {"team": "blue"})
    entry = AuditEntry.objects.get(action="endpoint.updated", target_id=endpoint.public_id)
    assert set(entry.changes) == {"headers", "rate_limit"}
    assert "fresh" not in str(entry.changes)


def test_a_masked_value_under_another_name_is_refused(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    given = fields_of(endpoint, header_name=["X-Crew"], header_value=[MASK], name="Other")

    answer = owner.post(settings_path(demo, endpoint), given)

    page = answer.content.decode()
    assert answer.status_code == 400
    assert errors(page) == ["X-Crew: A masked value stands for a stored one, and none is stored under this name."]
    assert 'value="Other"' in page
    assert Endpoint.objects.get(pk=endpoint.pk).name == "Desk"


def test_the_settings_tell_of_a_name_that_does_not_resolve(demo: Demo, owner: Client, endpoint: Endpoint) -> None:
    given = fields_of(endpoint, url="https://hooks.northwind.example/")

    answer: HttpResponse = owner.post(settings_path(demo, endpoint), given, follow=True)  # type: ignore[assignment]

    page = answer.content.decode()
    assert "Saved. The next message goes out with these settings." in page
    assert "Deliveries fail until it resolves." in page
    assert reveal_secret(endpoint, SYSTEM)


# The picker -------------------------------------------------------------------------------------------------------


def test_the_picker_groups_types_by_family_builders_own_first(demo: Demo) -> None:
    offered = EventType.objects.filter(app=demo.app).union(EventType.objects.filter(app=None))
    choices = choices_of(offered, ["order.*", "order.line.*", "webhook.test"])

    assert [family.name for family in choices.families] == [
        "customer", "invoice", "order", "shipment", "app", "auth", "email", "organization", "webhook"
    ]  # fmt: skip
    order = choices.families[2]
    assert (order.whole.pattern, order.whole.chosen, order.built_in) == ("order.*", True, False)
    assert [(each.pattern, each.chosen) for each in order.types] == [("order.paid", False), ("order.refunded", False)]
    assert choices.families[-1].opt_in
    assert [each.pattern for each in choices.families[-1].types if each.chosen] == ["webhook.test"]
    assert [each.pattern for each in choices.others] == ["order.line.*"]


def test_a_deprecated_type_is_offered_only_where_it_is_chosen() -> None:
    types = [EventType(name="a.b"), EventType(name="a.old", deprecated=True)]

    assert [each.pattern for each in choices_of(types, []).families[0].types] == ["a.b"]
    kept = choices_of(types, ["a.old"]).families[0].types[1]
    assert (kept.pattern, kept.chosen, kept.deprecated) == ("a.old", True, True)
