"""The receivers that Builders copy, against the product's own deliveries and against forged ones (S26)."""

import http.client
import json
import time
from collections.abc import Mapping

import pytest

from deliveries.engine.drain import Engine
from deliveries.models import Delivery
from deliveries.transport.signing import decode_secret, signature_header
from events.emit import emit
from tests.deliveries.engine.rows import attempts, make_app, make_endpoint
from tests.receivers.snippets import running_snippet
from tests.servers.processes import free_port
from webhooks.audit import SYSTEM
from webhooks.secrets import reveal_secret, rotate_secret
from webhooks.snippets import snippets_at, verification_snippets

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/hooks/orders-2.v1/in"
BODY = '{"id":"evt_1","type":"order.paid","data":{"name":"Zoë"}}'.encode()
OTHER_SECRET = "whsec_" + "b3RoZXItb3RoZXItb3RoZXItb3RoZXIt"


@pytest.mark.parametrize("number", range(6), ids=[snippet.title for snippet in snippets_at()])
def test_a_snippet_takes_real_deliveries_and_refuses_everything_else(engine: Engine, number: int) -> None:
    port = free_port()
    app = make_app()
    endpoint = make_endpoint(app, url=f"http://127.0.0.1:{port}{PATH}")
    secret = reveal_secret(endpoint, SYSTEM)

    with running_snippet(verification_snippets(endpoint)[number], port, secret) as log:
        # As large as an event may be, and beyond ASCII.
        emit(app, "order.paid", {"name": "Zoë ☃", "note": "é" * 120_000})
        engine.drain(None)
        rotate_secret(endpoint, 3600, SYSTEM)  # two signatures from here on, the receiver's own second
        emit(app, "order.paid", {"number": 2})
        engine.drain(None)

        assert attempts() == [(1, "succeeded", 204, "")] * 2
        assert set(Delivery.objects.values_list("status", flat=True)) == {"succeeded"}

        rotate_secret(endpoint, 0, SYSTEM)
        emit(app, "order.paid", {"number": 3})
        engine.drain(None)
        assert Delivery.objects.get(attempts__status="failed").response_status == 400

        assert _post(port, _signed(secret), BODY) == 204
        refused = {reason: _post(port, headers, body) for reason, (headers, body) in _forgeries(secret).items()}
        assert refused == dict.fromkeys(refused, 400)
        assert _post(port, _signed(secret), BODY) == 204
        printed = log.read_text()

    assert not [word for word in ("Traceback", "Error:", "Fatal error", "Warning", "panic") if word in printed]


def _signed(secret: str, *, age: int = 0, body: bytes = BODY) -> dict[str, str]:
    sent_at = int(time.time()) - age
    return {
        "content-type": "application/json",
        "webhook-id": "evt_1",
        "webhook-timestamp": str(sent_at),
        "webhook-signature": signature_header("evt_1", sent_at, body, [decode_secret(secret)]),
    }


def _forgeries(secret: str) -> dict[str, tuple[dict[str, str], bytes]]:
    genuine = _signed(secret)
    signature = genuine["webhook-signature"]
    headers = {
        "another secret": _signed(OTHER_SECRET),
        "six minutes old": _signed(secret, age=360),
        "six minutes in the future": _signed(secret, age=-360),
        "another id": {**genuine, "webhook-id": "evt_2"},
        "another time": {**genuine, "webhook-timestamp": str(int(genuine["webhook-timestamp"]) - 1)},
        "no time": {**genuine, "webhook-timestamp": "now"},
        "an empty signature": {**genuine, "webhook-signature": ""},
        "half a signature": {**genuine, "webhook-signature": signature[:-8]},
        "no version": {**genuine, "webhook-signature": signature.removeprefix("v1,")},
        "another version": {**genuine, "webhook-signature": signature.replace("v1,", "v2,")},
        "no base64": {**genuine, "webhook-signature": "v1,!!! v1"},
        "no headers": {"content-type": "application/json"},
    }
    forged = {reason: (given, BODY) for reason, given in headers.items()}
    return forged | {
        "a changed body": (genuine, BODY.replace(b"paid", b"lost")),
        "the same JSON in other bytes": (genuine, json.dumps(json.loads(BODY)).encode()),
        "no body": (genuine, b""),
    }


def _post(port: int, headers: Mapping[str, str], body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", PATH, body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()
