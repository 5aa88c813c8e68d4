"""Names of event types, and patterns that match them."""

import pytest

from events.catalog.patterns import (
    InvalidPattern,
    check_event_type_name,
    check_pattern,
    check_patterns,
    matches,
    patterns_matching,
)

NAMES = ["a.b", "order.paid", "order.line.added", "a_1.b_2.c", "_._", "0.1", "a." + "b" * 126]
NOT_NAMES = [
    "",
    "order",
    "order.",
    ".paid",
    "order..paid",
    "Order.paid",
    "order.Paid",
    "order-line.paid",
    "order paid.x",
    "order.paid\n",
    "\norder.paid",
    "order.päid",
    "order.paid\0",
    "order.*",
    "*",
    "a." + "b" * 127,
    "a" * 100_000,
    None,
    5,
    ["order.paid"],
    b"order.paid",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_lower_case_words_joined_by_dots(name: str) -> None:
    check_event_type_name(name)
    check_pattern(name)


@pytest.mark.parametrize("name", NOT_NAMES, ids=lambda name: repr(name)[:20])
def test_anything_else_is_no_name_and_the_refusal_is_short(name: object) -> None:
    with pytest.raises(InvalidPattern) as refused:
        check_event_type_name(name)

    assert str(refused.value).endswith("such as order.paid, at most 128 characters.")
    assert len(str(refused.value)) < 700


@pytest.mark.parametrize("pattern", ["*", "order.*", "order.line.*", "webhook.*", "a_1.*", "a" * 126 + ".*"])
def test_a_pattern_may_end_in_a_star(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "order",
        "**",
        "*.*",
        ".*",
        "*.paid",
        "order*",
        "order.p*",
        "order.*.added",
        "order.*.*",
        "Order.*",
        "order. *",
        "order.*\n",
        "a" * 127 + ".*",
        None,
        {"a": 1},
    ],
    ids=repr,
)
def test_a_star_stands_nowhere_else(pattern: object) -> None:
    with pytest.raises(InvalidPattern, match=r"is not a pattern: use a name such as order\.paid, a prefix such as"):
        check_pattern(pattern)


def test_patterns_lose_their_repeats_and_keep_their_order() -> None:
    assert check_patterns(["b.c", "*", "a.*", "b.c", "a.*", "a.b"]) == ["b.c", "*", "a.*", "a.b"]
    assert check_patterns([]) == []


def test_500_different_patterns_are_the_most() -> None:
    many = [f"order.type_{number}" for number in range(500)]
    assert check_patterns([*many, *many]) == many

    with pytest.raises(InvalidPattern, match="at most 500 patterns"):
        check_patterns([*many, "order.one_more"])


def test_one_bad_pattern_refuses_all() -> None:
    with pytest.raises(InvalidPattern, match=r"^'Order\.paid' is not a pattern"):
        check_patterns(["order.paid", "Order.paid"])


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        ("order.paid", ("order.paid", "order.*", "*")),
        (
            "organization.member.added",
            ("organization.member.added", "organization.member.*", "organization.*", "*"),
        ),
        ("a.b.c.d", ("a.b.c.d", "a.b.c.*", "a.b.*", "a.*", "*")),
        ("webhooks.sent", ("webhooks.sent", "webhooks.*", "*")),
        # S40: events about webhooks are not part of "all events".
        ("webhook.test", ("webhook.test", "webhook.*")),
        ("webhook.endpoint.created", ("webhook.endpoint.created", "webhook.endpoint.*", "webhook.*")),
    ],
)
def test_the_patterns_of_a_type_are_its_name_its_prefixes_and_all(event_type: str, expected: tuple[str, ...]) -> None:
    assert patterns_matching(event_type) == expected


@pytest.mark.parametrize(
    ("patterns", "event_type", "expected"),
    [
        (["order.paid"], "order.paid", True),
        (["order.paid"], "order.paid.late", False),
        (["order.paid.*"], "order.paid", False),
        (["order.*"], "order.paid", True),
        (["order.*"], "order.line.added", True),
        (["order.line.*"], "order.line.added", True),
        (["order.line.*"], "order.paid", False),
        (["ord.*"], "order.paid", False),
        (["orders.*"], "order.paid", False),
        (["*"], "order.paid", True),
        (["*"], "app.updated", True),
        ([], "order.paid", False),
        (["user.*", "order.paid"], "order.paid", True),
    ],
)
def test_an_endpoint_is_subscribed_where_one_pattern_matches(
    patterns: list[str], event_type: str, expected: bool
) -> None:
    assert matches(patterns, event_type) is expected


@pytest.mark.parametrize("event_type", ["webhook.test", "webhook.endpoint.created", "webhook.delivery.failed"])
def test_s40_webhook_events_are_opt_in(event_type: str) -> None:
    assert matches(["*"], event_type) is False
    assert matches(["*", "order.*"], event_type) is False
    assert matches(["webhook.*"], event_type) is True
    assert matches([event_type], event_type) is True
