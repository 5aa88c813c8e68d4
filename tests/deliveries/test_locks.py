"""Actions on one endpoint side by side with the engine: no deadlock, and nobody waits for an app's row."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections, transaction

from deliveries.delivery_actions import retry_delivery
from deliveries.engine.statements import statements
from deliveries.models import Delivery
from deliveries.test_send import send_test
from tests.deliveries.engine.rows import make_app, make_endpoint, make_events
from webhooks.audit import SYSTEM
from webhooks.models import App

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def test_rows_that_refer_to_an_app_are_written_while_its_test_sends_are_counted() -> None:
    app = make_app()
    make_endpoint(app)
    with transaction.atomic():
        App.objects.select_for_update(no_key=True).get(pk=app.pk)  # as send_test holds it
        done: list[int] = []

        def emits() -> None:
            try:
                make_events(app)
                done.append(statements().fan_out(10))
            finally:
                connections.close_all()

        thread = threading.Thread(target=emits)
        thread.start()
        thread.join(10)
        assert done == [1]


def test_test_sends_retries_and_fan_outs_of_one_endpoint_side_by_side_all_succeed() -> None:
    app = make_app()
    endpoint = make_endpoint(app)
    make_events(app, 10)
    statements().fan_out(100)
    deliveries = list(Delivery.objects.all())
    problems: list[Exception] = []

    def repeated(action: Callable[[int], object]) -> Callable[[], None]:
        def work() -> None:
            try:
                for number in range(10):
                    action(number)
            except Exception as problem:  # noqa: BLE001 (told to the test below)
                problems.append(problem)
            finally:
                connections.close_all()

        return work

    def emits_and_fans_out(_: int) -> None:
        make_events(app)
        statements().fan_out(10)

    actions: list[Callable[[int], object]] = [
        lambda _: send_test(endpoint, "order.paid", SYSTEM),
        lambda number: retry_delivery(deliveries[number], SYSTEM),
        emits_and_fans_out,
        emits_and_fans_out,
    ]
    threads = [threading.Thread(target=repeated(action)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    statements().fan_out(100)  # one at a time: what came while another was at it is left for the next
    assert Delivery.objects.count() == 10 + 10 + 20
