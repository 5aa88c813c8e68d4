"""Pages by cursor: newest first, stable under new rows, forth and back."""

import re
from typing import Any

import pytest

from events.models import Event
from switera_webhooks.keyset import Cursor
from tests.api.conftest import Api
from tests.factories import make_event, make_event_type
from webhooks.app_setup import CreatedApp


def invalid(field: str, sentence: str) -> dict[str, object]:
    return {
        "code": "invalid",
        "message": f"Correct these fields of the request: {field}.",
        "details": {field: [sentence]},
    }


@pytest.fixture
def numbers(shop: CreatedApp) -> list[int]:
    """Ten events numbered 0 to 9, the newest last."""
    for number in range(10):
        make_event(shop.app, data={"number": number})
    return list(range(10))


def page(api: Api, **query: object) -> tuple[list[int], dict[str, Any]]:
    body = api.get("events", **query).json()
    assert set(body) == {"items", "next", "previous"}
    return [item["data"]["number"] for item in body["items"]], body


def test_a_list_is_newest_first_and_one_page_has_no_neighbours(live_api: Api, numbers: list[int]) -> None:
    items, body = page(live_api)

    assert items == numbers[::-1]
    assert (body["next"], body["previous"]) == (None, None)


def test_the_cursors_lead_through_all_pages_and_back(live_api: Api, numbers: list[int]) -> None:
    first, body = page(live_api, limit=4)
    second, body2 = page(live_api, limit=4, cursor=body["next"])
    third, body3 = page(live_api, limit=4, cursor=body2["next"])

    assert (first, second, third) == ([9, 8, 7, 6], [5, 4, 3, 2], [1, 0])
    assert (body["previous"], body3["next"]) == (None, None)
    assert page(live_api, limit=4, cursor=body3["previous"])[0] == second
    back, body1 = page(live_api, limit=4, cursor=body2["previous"])
    assert (back, body1["previous"], body1["next"]) == (first, None, body["next"])


def test_a_full_last_page_has_no_next(live_api: Api, numbers: list[int]) -> None:
    _, body = page(live_api, limit=5)
    items, body = page(live_api, limit=5, cursor=body["next"])

    assert (items, body["next"]) == ([4, 3, 2, 1, 0], None)


def test_rows_that_arrive_meanwhile_shift_nothing(live_api: Api, shop: CreatedApp, numbers: list[int]) -> None:
    _, body = page(live_api, limit=4)
    for number in (10, 11):
        make_event(shop.app, data={"number": number})

    second, body2 = page(live_api, limit=4, cursor=body["next"])
    assert second == [5, 4, 3, 2]
    assert page(live_api, limit=4, cursor=body2["previous"])[0] == [9, 8, 7, 6]
    assert page(live_api, limit=8, cursor=body2["previous"])[0] == [11, 10, 9, 8, 7, 6]


def test_from_a_page_that_has_become_empty_the_way_back_misses_nothing(live_api: Api, numbers: list[int]) -> None:
    _, body = page(live_api, limit=8)
    Event.objects.filter(pk__in=[event.pk for event in Event.objects.order_by("id")[:2]]).delete()

    items, body = page(live_api, limit=8, cursor=body["next"])
    assert (items, body["next"]) == ([], None)
    items, body = page(live_api, limit=8, cursor=body["previous"])
    assert items == [9, 8, 7, 6, 5, 4, 3, 2]

    Event.objects.all().delete()
    assert page(live_api, cursor=body["next"])[1]["next"] is None


def test_cursors_are_opaque_and_of_url_safe_characters(live_api: Api, numbers: list[int]) -> None:
    _, body = page(live_api, limit=4)
    _, body = page(live_api, limit=4, cursor=body["next"])

    for cursor in (body["next"], body["previous"]):
        assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "bm9wZQ==",
        "%00",
        "é",
        "AAAA",
        Cursor("not-a-uuid", backward=False).encode(),
        Cursor("\0", backward=False).encode(),
        "x" * 500,
    ],
)
def test_a_cursor_that_is_none_of_ours_is_400(live_api: Api, cursor: str) -> None:
    answer = live_api.get("events", cursor=cursor)

    sentence = "Give the next or previous of an earlier answer, unchanged."
    assert answer.status_code == 400
    if cursor:
        assert answer.json() == invalid("cursor", sentence)


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("0", "Ensure this value is greater than or equal to 1."),
        ("-1", "Ensure this value is greater than or equal to 1."),
        ("251", "Ensure this value is less than or equal to 250."),
        ("", "Give a whole number."),
        ("ten", "Give a whole number."),
        ("1.5", "Give a whole number."),
        ("1e2", "Give a whole number."),
        ("٣", "Give a whole number."),
        ("9" * 5000, "Give a whole number."),
    ],
)
def test_a_limit_out_of_bounds_is_400(live_api: Api, limit: str, sentence: str) -> None:
    for path in ("events", "event-types", "endpoints", "deliveries"):
        answer = live_api.get(path, limit=limit)

        assert (answer.status_code, answer.json()) == (400, invalid("limit", sentence))


def test_the_limit_is_50_unless_asked_for_up_to_250(live_api: Api, shop: CreatedApp) -> None:
    events = [{"type": "order.paid", "data": {"number": number}} for number in range(251)]
    make_event_type(shop.app)
    assert live_api.post("events/batch", {"events": events}).status_code == 202

    assert len(page(live_api)[0]) == 50
    items, body = page(live_api, limit=250)
    assert (len(items), len(page(live_api, cursor=body["next"])[0])) == (250, 1)


def test_a_parameter_given_twice_is_400(live_api: Api) -> None:
    answer = live_api.get("events?limit=1&limit=2")

    assert (answer.status_code, answer.json()) == (400, invalid("limit", "Give it once."))


def test_event_types_go_by_name(live_api: Api, shop: CreatedApp, catalog: None) -> None:
    for name in ("zebra.seen", "aardvark.seen", "order.paid"):
        make_event_type(shop.app, name)
    names = []
    cursor: dict[str, object] = {}
    while True:
        body = live_api.get("event-types", limit=2, **cursor).json()
        names += [item["name"] for item in body["items"]]
        if body["next"] is None:
            break
        cursor = {"cursor": body["next"]}

    assert names == sorted(names)
    assert names == [item["name"] for item in live_api.get("event-types", limit=250).json()["items"]]
    assert {"zebra.seen", "aardvark.seen", "order.paid", "webhook.test"} <= set(names)
    backward = live_api.get("event-types", limit=250, cursor=body["previous"]).json()
    assert [item["name"] for item in backward["items"]] == names[: len(backward["items"])]
