"""What is done with one endpoint over REST: its secret, disabling and enabling, test sends."""

from typing import Any

import pytest
from pytest_django import Settings

from deliveries.models import Delivery
from tests.api.conftest import Api, refusal
from tests.api.test_endpoints import NEW, SHAPE, audited
from tests.factories import make_delivery, make_endpoint, make_event, make_event_type
from webhooks.app_setup import CreatedApp
from webhooks.models import Endpoint, EndpointSecret

# Secrets -------------------------------------------------------------------------------------------


def test_a_secret_is_revealed_and_the_reveal_is_audited(live_api: Api) -> None:
    """S29, S46."""
    created = live_api.post("endpoints", NEW).json()

    answer = live_api.get(f"endpoints/{created['id']}/secret")

    assert (answer.status_code, answer.json()) == (200, {"secret": created["secret"]})
    assert answer.headers["Cache-Control"] == "no-store"
    assert audited() == ["endpoint.created", "endpoint.secret.revealed"]


@pytest.mark.parametrize(("body", "kept"), [(None, 2), ({}, 2), ({"overlap": 604_800}, 2), ({"overlap": 0}, 1)])
def test_a_rotation_gives_a_new_secret(live_api: Api, body: dict[str, int] | None, kept: int) -> None:
    created = live_api.post("endpoints", NEW).json()

    answer = live_api.post(f"endpoints/{created['id']}/secret/rotate", body)

    assert answer.status_code == 200
    assert set(answer.json()) == {"secret"}
    assert answer.json()["secret"] != created["secret"]
    assert live_api.get(f"endpoints/{created['id']}/secret").json() == answer.json()
    assert EndpointSecret.objects.count() == kept


@pytest.mark.parametrize("body", [{"overlap": -1}, {"overlap": 604_801}, {"overlap": "0"}, {"overlap": None}])
def test_an_overlap_out_of_bounds_is_400(live_api: Api, body: dict[str, Any]) -> None:
    created = live_api.post("endpoints", NEW).json()

    answer = live_api.post(f"endpoints/{created['id']}/secret/rotate", body)

    assert (refusal(answer)[0], list(refusal(answer)[2])) == (400, ["overlap"])
    assert EndpointSecret.objects.count() == 1


# Disabled and enabled --------------------------------------------------------------------------------


def test_a_disabled_endpoint_holds_its_deliveries_until_it_is_enabled(live_api: Api, shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app)
    make_delivery(make_event(shop.app), endpoint)
    path = f"endpoints/{endpoint.public_id}"

    body = live_api.post(f"{path}/disable").json()
    assert (set(body), body["enabled"], body["disabled_reason"], body["held_count"]) == (SHAPE, False, "manual", 1)
    assert live_api.post(f"{path}/disable", {}).json() == body
    body = live_api.post(f"{path}/enable").json()
    assert (set(body), body["enabled"], body["disabled_reason"], body["held_count"]) == (SHAPE, True, None, 0)
    assert Delivery.objects.get().status == "pending"


def test_enabling_can_cancel_what_is_held(live_api: Api, shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app, enabled=False)
    make_delivery(make_event(shop.app), endpoint)

    answer = live_api.post(f"endpoints/{endpoint.public_id}/enable", {"held": "cancel"})

    assert (answer.status_code, Delivery.objects.get().status) == (200, "canceled")


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("enable", {"held": "drop"}, "held"),
        ("enable", {"held": None}, "held"),
        ("enable", {"hold": "release"}, "hold"),
        ("disable", {"reason": "gone"}, "reason"),
        ("test", {"event_type": "webhook.test", "data": {}}, "data"),
    ],
)
def test_an_action_with_a_wrong_body_is_400_and_does_nothing(
    live_api: Api, shop: CreatedApp, action: str, body: dict[str, Any], field: str
) -> None:
    endpoint = make_endpoint(shop.app, enabled=action != "enable")
    before = Endpoint.objects.values().get()

    answer = live_api.post(f"endpoints/{endpoint.public_id}/{action}", body)

    assert (refusal(answer)[0], list(refusal(answer)[2])) == (400, [field])
    assert (Endpoint.objects.values().get(), audited()) == (before, [])


# Test sends ------------------------------------------------------------------------------------------


def test_a_test_send_is_answered_202_with_its_delivery(live_api: Api, shop: CreatedApp) -> None:
    make_event_type(shop.app, "order.paid", example={"total": 1})
    endpoint = make_endpoint(shop.app, enabled=False)

    answer = live_api.post(f"endpoints/{endpoint.public_id}/test", {"event_type": "order.paid"})

    delivery = Delivery.objects.get()
    body = answer.json()
    assert answer.status_code == 202
    assert (body["id"], body["status"], body["test"], body["held"]) == (delivery.public_id, "pending", True, False)
    assert (body["event_type"], body["endpoint_id"], body["attempts"]) == ("order.paid", endpoint.public_id, [])
    event = live_api.get(f"events/{body['event_id']}").json()
    assert (event["data"], event["test"]) == ({"total": 1}, True)
    assert live_api.get(f"deliveries/{body['id']}").json() == body


def test_a_test_send_needs_a_type_of_the_catalog(live_api: Api, shop: CreatedApp) -> None:
    endpoint = make_endpoint(shop.app)
    path = f"endpoints/{endpoint.public_id}/test"

    assert refusal(live_api.post(path)) == (400, "invalid", {"event_type": ["This field is required."]})
    assert refusal(live_api.post(path, {"event_type": "never.was"})) == (
        400,
        "unknown_event_type",
        {"event_type": ["Not in the event catalog."]},
    )
    assert Delivery.objects.count() == 0


def test_the_limit_of_test_sends_is_429(live_api: Api, shop: CreatedApp, settings: Settings, catalog: None) -> None:
    """S39."""
    settings.WEBHOOKS_TEST_SENDS_PER_MINUTE = 1
    path = f"endpoints/{make_endpoint(shop.app).public_id}/test"
    assert live_api.post(path, {"event_type": "webhook.test"}).status_code == 202

    answer = live_api.post(path, {"event_type": "webhook.test"})

    assert refusal(answer)[:2] == (429, "too_many_test_sends")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert Delivery.objects.count() == 1
