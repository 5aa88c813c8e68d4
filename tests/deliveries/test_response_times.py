"""Classes of response times: how wrong they may be, and that both databases and Python part them alike."""

import math

import pytest

from deliveries.models import Attempt
from deliveries.response_times import percentile, time_class
from tests.factories import make_app, make_attempt, make_delivery, make_endpoint, make_event

DURATIONS = [0, 1, 2, 3, 7, 8, 11, 12, 13, 15, 16, 17, 31, 32, 84, 310, 1_000, 15_000, 16_384, 90_000, 2**31 - 1]


def class_of(ms: int) -> int:
    return math.floor(8 * math.log2(ms + 0.5))


@pytest.mark.django_db
def test_the_database_parts_durations_as_it_is_told() -> None:
    app = make_app().app
    delivery = make_delivery(make_event(app), make_endpoint(app), "succeeded")
    for number, ms in enumerate(DURATIONS, 1):
        make_attempt(delivery, number, duration_ms=ms)
    told = Attempt.objects.order_by("number").values_list(time_class(), flat=True)
    assert list(told) == [class_of(ms) for ms in DURATIONS]


@pytest.mark.django_db
def test_what_says_nothing_of_the_receiver_has_no_class() -> None:
    app = make_app().app
    delivery = make_delivery(make_event(app), make_endpoint(app), "succeeded")
    for number, code in enumerate(["timeout", "connection_refused", "worker_lost"], 1):
        make_attempt(delivery, number, duration_ms=15_000, response_status=None, error_code=code)
    told = Attempt.objects.order_by("number").values_list(time_class(), flat=True)
    assert list(told) == [class_of(15_000), None, None]


def test_a_class_is_exact_up_to_12_ms_and_within_1_ms_or_5_percent_above() -> None:
    for ms in range(100_000):
        found = percentile({class_of(ms): 1}, 0.5)
        assert found is not None
        assert abs(found - ms) <= (0 if ms <= 12 else max(1, 0.05 * ms))


@pytest.mark.parametrize(
    ("durations", "share", "ms"),
    [([], 0.5, None), ([8], 0.5, 8), ([8] * 19 + [2], 0.05, 2), ([1, 2, 3, 4], 0.5, 2), ([1, 2, 3, 4], 0.95, 4)],
)
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(
    durations: list[int], share: float, ms: int | None
) -> None:
    classes: dict[int, int] = {}
    for one in durations:
        classes[class_of(one)] = classes.get(class_of(one), 0) + 1
    assert percentile(classes, share) == ms
