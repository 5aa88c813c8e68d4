"""An endpoint's secret, its test sends, disabling, enabling and deleting it."""

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from deliveries.error_codes import ErrorCode
from deliveries.models import Attempt, Delivery, DeliveryStatus
from switera_webhooks.encryption import decrypt
from tests.demo import Demo
from tests.factories import make_attempt
from tests.pages.conftest import client_of
from webhooks.models import AuditEntry, Endpoint, EndpointSecret

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def path_of(demo: Demo, name: str, section: str = "") -> str:
    return f"{demo.path}endpoints/{demo.ids[name]}/{section}"


def page_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def secret_of(endpoint: Endpoint) -> str:
    return decrypt(EndpointSecret.objects.get(endpoint=endpoint, expires_at=None).ciphertext)


def entries(action: str) -> int:
    return AuditEntry.objects.filter(action=action).count()


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


# Secret -----------------------------------------------------------------------------------------------------------


def test_s29_a_secret_is_masked_until_it_is_revealed_once_and_on_record(demo: Demo, owner: Client) -> None:
    secret = secret_of(demo.endpoints["Billing"])
    path = path_of(demo, "Billing", "secret/")
    assert secret not in page_of(owner, path)
    assert "whsec_••••••••" in page_of(owner, path)

    answer = owner.post(f"{path}reveal/")

    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    assert f"<code>{secret}</code>" in page_of(owner, path)
    assert secret not in page_of(owner, path)
    entry = AuditEntry.objects.get(action="endpoint.secret.revealed")
    assert (entry.actor_id, entry.target_id) == (str(demo.owner.pk), demo.ids["Billing"])


def test_s29_looking_at_the_address_reveals_nothing(demo: Demo, owner: Client) -> None:
    for address in ("reveal/", "rotate/"):
        assert owner.get(path_of(demo, "Billing", f"secret/{address}")).status_code == 302

    assert secret_of(demo.endpoints["Billing"]) not in page_of(owner, path_of(demo, "Billing", "secret/"))
    assert entries("endpoint.secret.revealed") == entries("endpoint.secret.rotated") == 0


def test_s29_a_secret_that_waits_is_for_its_own_page_and_session(demo: Demo, owner: Client) -> None:
    secret = secret_of(demo.endpoints["Billing"])
    owner.post(path_of(demo, "Billing", "secret/reveal/"))

    assert secret not in page_of(owner, path_of(demo, "Warehouse", "secret/"))
    assert secret not in page_of(client_of(demo.developer), path_of(demo, "Billing", "secret/"))
    assert secret in page_of(owner, path_of(demo, "Billing", "secret/"))


def test_s29_a_secret_does_not_wait_for_long(demo: Demo, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secret_of(demo.endpoints["Billing"])
    owner.post(path_of(demo, "Billing", "secret/reveal/"))
    later = timezone.now() + dt.timedelta(minutes=6)
    monkeypatch.setattr("webhooks.views.shown_once.timezone.now", lambda: later)

    assert secret not in page_of(owner, path_of(demo, "Billing", "secret/"))


@pytest.mark.parametrize("overlap", [0, 3_600, 86_400, 604_800])
def test_a_rotation_shows_the_new_secret_once_and_when_each_ends(demo: Demo, owner: Client, overlap: int) -> None:
    old = secret_of(demo.endpoints["Billing"])
    path = path_of(demo, "Billing", "secret/")

    owner.post(f"{path}rotate/", {"overlap": overlap})

    new = secret_of(demo.endpoints["Billing"])
    page = page_of(owner, path)
    assert new != old
    assert f"<code>{new}</code>" in page
    assert old not in page
    assert text_of(page).count("On its way out") == (1 if overlap else 0)
    ending = EndpointSecret.objects.filter(endpoint=demo.endpoints["Billing"]).exclude(expires_at=None)
    assert [round((each.expires_at - timezone.now()).total_seconds(), -1) for each in ending if each.expires_at] == (
        [overlap] if overlap else []
    )
    assert AuditEntry.objects.get(action="endpoint.secret.rotated").changes == {"overlap": overlap}


def test_24_hours_is_the_overlap_that_is_offered_first(demo: Demo, owner: Client) -> None:
    page = page_of(owner, path_of(demo, "Billing", "secret/"))

    assert re.findall(r'value="(\d+)"[^>]* checked', page) == ["86400"]


@pytest.mark.parametrize("overlap", ["", "5", "-1", "soon"])
def test_an_overlap_that_is_not_offered_changes_nothing(demo: Demo, owner: Client, overlap: str) -> None:
    old = secret_of(demo.endpoints["Billing"])

    answer = owner.post(path_of(demo, "Billing", "secret/rotate/"), {"overlap": overlap})

    assert answer.status_code == 400
    assert secret_of(demo.endpoints["Billing"]) == old
    assert entries("endpoint.secret.rotated") == 0


def test_s37_a_viewer_sees_when_secrets_end_and_nothing_of_them(demo: Demo, owner: Client, viewer: Client) -> None:
    owner.post(path_of(demo, "Billing", "secret/rotate/"), {"overlap": 3600})

    page = page_of(viewer, path_of(demo, "Billing", "secret/"))

    assert "On its way out" in page
    assert "Developers and owners of the app can reveal it." in page
    assert secret_of(demo.endpoints["Billing"]) not in page


# The guided set-up ------------------------------------------------------------------------------------------------


def sent_test(demo: Demo) -> Delivery:
    return Delivery.objects.get(endpoint=demo.endpoints["Brand new"], test=True)


def arrival(client: Client, demo: Demo, seen: str = "") -> Any:
    path = path_of(demo, "Brand new", f"setup/{sent_test(demo).public_id}/")
    return client.get(path, {"seen": seen}, headers=HTMX)


def test_there_is_a_snippet_for_each_language_at_the_endpoints_path(demo: Demo, owner: Client) -> None:
    page = page_of(owner, path_of(demo, "Billing", "setup/"))

    assert re.findall(r'name="language" value="([^"]*)"', page) == [
        "Python (Django)", "Python (FastAPI)", "Node (Express)", "Go", "Ruby (Sinatra)", "PHP"
    ]  # fmt: skip
    assert text_of(page).count("hooks/switera") >= 6


def test_s46_a_test_event_is_sent_and_its_page_comes_back(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Brand new", "setup/")

    answer = owner.post(path)

    delivery = sent_test(demo)
    assert delivery.event_type == "webhook.test"
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{path}?delivery={delivery.public_id}#arrival"
    page = page_of(owner, answer.headers["Location"])
    assert "It is on its way." in page
    assert "Look again" in page
    entry = AuditEntry.objects.get(action="endpoint.tested")
    assert entry.changes == {"event_type": "webhook.test", "delivery_id": delivery.public_id}


def test_by_htmx_only_the_part_that_watches_comes_back(demo: Demo, owner: Client) -> None:
    answer = owner.post(path_of(demo, "Brand new", "setup/"), headers=HTMX)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in page
    assert f'hx-get="{path_of(demo, "Brand new", f"setup/{sent_test(demo).public_id}/")}?seen=pending-0"' in page


def test_nothing_is_swapped_while_nothing_is_new(demo: Demo, owner: Client) -> None:
    owner.post(path_of(demo, "Brand new", "setup/"))

    assert arrival(owner, demo, "pending-0").status_code == 204
    assert arrival(owner, demo, "sending-0").status_code == 200


def test_a_test_event_that_arrived_says_so_and_ends_the_watching(demo: Demo, owner: Client) -> None:
    owner.post(path_of(demo, "Brand new", "setup/"))
    delivery = sent_test(demo)
    make_attempt(delivery, status="succeeded", response_status=204, duration_ms=31, error_code="", error="")
    Delivery.objects.filter(pk=delivery.pk).update(status=DeliveryStatus.SUCCEEDED, due_at=None)

    page = arrival(owner, demo, "pending-0").content.decode()

    assert "It arrived. The receiver took the signed message and answered 204 after 31 ms." in text_of(page)
    assert "data-live" not in page


def test_a_test_event_that_failed_says_why_and_what_to_do(demo: Demo, owner: Client) -> None:
    owner.post(path_of(demo, "Brand new", "setup/"))
    delivery = sent_test(demo)
    make_attempt(delivery, response_status=None, error_code=ErrorCode.CONNECTION_REFUSED.value, error="Refused.")

    page = arrival(owner, demo, "pending-0").content.decode()

    assert "What to check" in page
    assert "What to do:" in page
    assert "It is tried again by itself" in page
    assert "data-live" in page
    Delivery.objects.filter(pk=delivery.pk).update(status=DeliveryStatus.FAILED, due_at=None)
    ended = arrival(owner, demo, "pending-1").content.decode()
    assert "It is not tried again" in ended
    assert "data-live" not in ended


def test_a_test_event_that_nobody_takes_says_to_look_for_a_worker(demo: Demo, owner: Client) -> None:
    owner.post(path_of(demo, "Brand new", "setup/"))
    Delivery.objects.filter(pk=sent_test(demo).pk).update(created_at=timezone.now() - dt.timedelta(seconds=11))

    page = arrival(owner, demo, "pending-0").content.decode()

    assert "manage.py engine_status" in page
    assert "data-live" in page


def test_s33_only_this_endpoints_deliveries_are_watched_here(demo: Demo, owner: Client) -> None:
    for outcome in ("failed", "foreign", "test environment"):
        for path in (f"setup/{demo.ids[outcome]}/", f"setup/?delivery={demo.ids[outcome]}"):
            assert owner.get(path_of(demo, "Brand new", path)).status_code == 404


def test_s39_too_many_test_sends_are_refused_with_when_to_try_again(
    demo: Demo, owner: Client, settings: Settings
) -> None:
    settings.WEBHOOKS_TEST_SENDS_PER_MINUTE = 1
    path = path_of(demo, "Brand new", "setup/")
    owner.post(path, headers=HTMX)

    answer = owner.post(path, headers=HTMX)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "1 test sends a minute are allowed" in answer.content.decode()
    assert Delivery.objects.filter(endpoint=demo.endpoints["Brand new"], test=True).count() == 1


# Disabling, enabling, deleting ------------------------------------------------------------------------------------


def test_disabling_says_what_happens_and_is_on_record(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Billing", "disable/")
    assert "are held and counted: none is lost" in page_of(owner, path)

    owner.post(path)

    billing = Endpoint.objects.get(pk=demo.endpoints["Billing"].pk)
    assert billing.disabled_reason == "manual"
    page = page_of(owner, path_of(demo, "Billing"))
    assert "Billing is disabled. Its deliveries are held from now on." in page
    assert "One delivery is held." in page
    assert entries("endpoint.disabled") == 2  # with the demo's own
    assert owner.post(path).headers["Location"] == path_of(demo, "Billing")
    assert entries("endpoint.disabled") == 2


@pytest.mark.parametrize(("held", "status"), [("release", "pending"), ("cancel", "canceled")])
def test_enabling_asks_what_becomes_of_the_held_deliveries(demo: Demo, owner: Client, held: str, status: str) -> None:
    path = path_of(demo, "Sandbox ERP", "enable/")
    assert "One delivery is held." in page_of(owner, path)

    answer = owner.post(path, {"held": held})

    assert answer.headers["Location"] == path_of(demo, "Sandbox ERP")
    assert Endpoint.objects.get(pk=demo.endpoints["Sandbox ERP"].pk).enabled
    assert Delivery.objects.get(pk=demo.deliveries["held"].pk).status == status
    entry = AuditEntry.objects.get(action="endpoint.enabled")
    assert entry.changes == {"held": held, "canceled": 1 if held == "cancel" else 0}


def test_enabling_without_a_choice_changes_nothing(demo: Demo, owner: Client) -> None:
    for given in ({}, {"held": "both"}):
        answer = owner.post(path_of(demo, "Sandbox ERP", "enable/"), given)
        assert answer.status_code == 400
    assert not Endpoint.objects.get(pk=demo.endpoints["Sandbox ERP"].pk).enabled
    assert entries("endpoint.enabled") == 0


def test_an_enabled_endpoint_is_not_enabled_again(demo: Demo, owner: Client) -> None:
    assert owner.post(path_of(demo, "Billing", "enable/"), {"held": "cancel"}).status_code == 302
    assert Delivery.objects.get(pk=demo.deliveries["retrying"].pk).status == "pending"


def test_deleting_takes_the_name_and_says_what_is_gone(demo: Demo, owner: Client) -> None:
    path = path_of(demo, "Billing", "delete/")
    page = text_of(page_of(owner, path))
    assert "1 delivery that waits is canceled." in page
    assert "The history of its deliveries stays for 90 days." in page

    wrong = owner.post(path, {"confirm": "billing"})
    assert wrong.status_code == 400
    assert "This is not the name" in wrong.content.decode()
    assert Endpoint.objects.get(pk=demo.endpoints["Billing"].pk).deleted_at is None

    answer = owner.post(path, {"confirm": "Billing"})

    assert answer.headers["Location"] == f"{demo.path}endpoints/"
    assert Endpoint.objects.get(pk=demo.endpoints["Billing"].pk).deleted_at is not None
    assert Delivery.objects.get(pk=demo.deliveries["retrying"].pk).status == "canceled"
    assert not EndpointSecret.objects.filter(endpoint=demo.endpoints["Billing"]).exists()
    assert Attempt.objects.filter(delivery=demo.deliveries["retrying"]).count() == 3
    assert entries("endpoint.deleted") == 1
    assert owner.get(path).status_code == 404
    assert "Billing is deleted. Its deliveries stay in the history." in page_of(owner, f"{demo.path}endpoints/")
