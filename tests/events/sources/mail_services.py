"""Webhooks of mail services, in the forms that they document, posted to django-anymail's views as they post them."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from django.test import Client

SECRET = "mail:only-for-tests"
SIGNING_KEY = "only-for-tests"
ADA = "ada@globex.example"
# Words of a message that no event may hold.
SUBJECT_TO_THEM = "Only the mail service knows this subject"


def post(service: str, body: object, secret: str = SECRET) -> int:
    """The status that the mail service gets; `secret` is the user and password in the URL it was given."""
    return post_text(service, json.dumps(body), secret)


def post_text(service: str, body: str, secret: str) -> int:
    """The same with the body as text."""
    answer = Client().post(
        f"/anymail/{service}/tracking/",
        body,
        content_type="application/json",
        headers={"Authorization": f"Basic {b64encode(secret.encode()).decode()}"},
    )
    return answer.status_code


def postmark(record: str, metadata: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """https://postmarkapp.com/developer/webhooks/webhooks-overview."""
    moment = {"Delivery": "DeliveredAt"}.get(record, "BouncedAt")
    recipient = {"Delivery": "Recipient"}.get(record, "Email")
    return {
        "RecordType": record,
        "MessageID": "5f7a1a0e-31b5-4b3a-9e35-5d5a4c2b7c11",
        "MessageStream": "outbound",
        "ServerID": 7,
        "Subject": SUBJECT_TO_THEM,
        recipient: ADA,
        moment: "2026-03-02T09:30:03Z",
        "Metadata": dict(metadata),
        **fields,
    }


def mailgun(event: str, metadata: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads, signed."""
    moment, token = "1772443803", "5c1f4d5b6a7e8f90"
    signature = hmac.new(SIGNING_KEY.encode(), f"{moment}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": moment, "token": token, "signature": signature},
        "event-data": {
            "event": event,
            "id": "Ase7i2zsRYeDXztHGENqRA",
            "timestamp": 1772443803.25,
            "recipient": ADA,
            "message": {"headers": {"message-id": "20260302.9Bs35hJp@mail.acme.example", "subject": SUBJECT_TO_THEM}},
            "user-variables": dict(metadata),
            **fields,
        },
    }


def mailjet(event: str, metadata: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """One event of https://dev.mailjet.com/email/guides/webhooks/; they come in lists."""
    return {
        "event": event,
        "email": ADA,
        "time": 1772443803,
        "MessageID": 19421777835146490,
        "Payload": json.dumps(dict(metadata)),
        **fields,
    }
