"""One attempt that ends with an error of our own, from the sender to the record: the others are recorded beside it."""

from typing import Any

import pytest
from django.db import OperationalError

from deliveries.endpoints import disable_endpoint
from deliveries.engine import drain
from deliveries.engine.drain import Engine
from deliveries.models import Attempt, Delivery
from deliveries.transport.answers import Answer
from tests.deliveries.engine.rows import make_app, make_endpoint, make_events
from tests.receivers.behaviours import answer, answers
from tests.receivers.server import Receiver
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


def told_of(*endpoints: Endpoint) -> list[tuple[str, int | None, str]]:
    of_them = Attempt.objects.filter(delivery__endpoint__in=endpoints)
    return list(of_them.values_list("status", "response_status", "error_code"))


def test_s20_an_answer_that_cannot_be_told_is_an_error_of_our_own_and_costs_no_other_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Answer.text

    def raises_for_one(answer: Answer) -> str:
        if answer.body == b"bad":
            raise ZeroDivisionError
        return text(answer)

    monkeypatch.setattr(Answer, "text", raises_for_one)
    app = make_app()
    with Receiver(answers(answer("200 OK", b"bad"))) as bad, Receiver(answers(answer("200 OK", b"good"))) as good:
        odd = make_endpoint(app, url=bad.url())
        others = [make_endpoint(app, url=good.url()) for _ in range(4)]
        make_events(app)
        report = engine.drain(None)

    assert (report.sent, len(bad.requests), len(good.requests)) == (5, 1, 4)
    assert told_of(odd) == [("failed", None, "internal_error")]
    assert told_of(*others) == [("succeeded", 200, "")] * 4
    assert Delivery.objects.get(endpoint=odd).status == "pending"


def test_s23_a_database_that_hiccups_as_an_endpoint_is_disabled_is_asked_again_and_the_attempt_stays(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def hiccups_once(*arguments: Any, **keywords: Any) -> Endpoint:
        asked.append(arguments)
        if len(asked) == 1:
            raise OperationalError
        return disable_endpoint(*arguments, **keywords)

    monkeypatch.setattr(drain, "disable_endpoint", hiccups_once)
    with Receiver(answers(answer("410 Gone"))) as receiver:
        endpoint = make_endpoint(make_app(), url=receiver.url())
        make_events(endpoint.app)
        engine.drain(None)

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "gone"
    assert (len(asked), len(receiver.requests)) == (2, 1)
    assert told_of(endpoint) == [("failed", 410, "http_status")]
