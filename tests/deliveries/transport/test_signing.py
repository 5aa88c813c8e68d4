"""Signatures: the standard's own vectors, and its libraries in Python and JavaScript (security.md S26, S27)."""

import base64
import json
import secrets
import time
from collections.abc import Mapping

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from deliveries.transport.sender import Sender
from deliveries.transport.signing import SecretMalformedError, decode_secret, signature_header
from tests.deliveries.transport.senders import request, send_one
from tests.javascript import verify_in_javascript
from tests.receivers.behaviours import OK, answers
from tests.receivers.server import Receiver

BODY = '{"id":"evt_1","type":"order.paid","data":{"total":"12 \u20ac","lines":["\u2603"]}}'.encode()


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_headers(*keys: bytes, timestamp: int, message_id: str = "evt_1") -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature_header(message_id, timestamp, BODY, keys),
    }


def python_accepts(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        return bool(Webhook(secret).verify(body, dict(headers)) == json.loads(body))
    except WebhookVerificationError:
        return False


def test_s26_the_published_vector_of_the_standard() -> None:
    key = decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    assert signature_header("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key]) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_rotation_has_an_entry_a_key_and_either_secret_verifies() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = signed_headers(decode_secret(new), decode_secret(old), timestamp=int(time.time()))

    entries = headers["webhook-signature"].split(" ")
    assert len(entries) == 2
    assert all(entry.startswith("v1,") for entry in entries)
    assert python_accepts(old, headers, BODY)
    assert python_accepts(new, headers, BODY)
    assert not python_accepts(other, headers, BODY)


def test_s27_the_timestamp_is_part_of_what_is_signed() -> None:
    key, now = decode_secret(new_secret()), int(time.time())

    assert (
        signed_headers(key, timestamp=now)["webhook-signature"]
        != signed_headers(key, timestamp=now + 1)["webhook-signature"]
    )


@pytest.mark.parametrize("text", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_a", "whsec_!!!!", "WHSEC_YWJj"])
def test_what_is_no_secret_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SecretMalformedError) as malformed:
        decode_secret(text)
    assert "MfKQ" not in str(malformed.value)
    assert "!!!!" not in str(malformed.value)


def test_s26_a_captured_request_is_verified_by_the_python_and_the_javascript_library(sender: Sender) -> None:
    secret, other = new_secret(), new_secret()
    headers = signed_headers(decode_secret(secret), timestamp=int(time.time()))
    with Receiver(answers(OK)) as receiver:
        send_one(sender, request(receiver.url("hooks.example"), headers=tuple(headers.items()), body=BODY))
    (captured,) = receiver.requests
    received = dict(captured.headers)

    assert captured.body == BODY
    assert python_accepts(secret, received, captured.body)
    verdict = verify_in_javascript(secret, received, captured.body)
    assert (verdict.verified, verdict.payload) == (True, json.loads(BODY))

    tampered = captured.body.replace(b"order.paid", b"order.lost")
    for wrong_secret, wrong_body in ((other, captured.body), (secret, tampered)):
        assert not python_accepts(wrong_secret, received, wrong_body)
        assert verify_in_javascript(wrong_secret, received, wrong_body).error == "No matching signature found"
