"""The design that the engine is compared with: a Celery task for each delivery, rows through the ORM.

It is the usual one, done well: connections to the database and to receivers are kept, keys are decrypted once, and
it is spared what the engine does besides (fan-out, leases, lanes, the address guard, the wall clock).
"""

import time
import uuid
from functools import cache

import django
import requests  # noqa: TID251 (what the comparison sends with)
from celery import Celery
from django.conf import settings
from django.utils import timezone

django.setup()

from deliveries.models import Attempt, AttemptStatus, Delivery, DeliveryStatus  # noqa: E402
from deliveries.transport.signing import decode_secret, signature_header  # noqa: E402
from switera_webhooks.encryption import decrypt  # noqa: E402
from webhooks.models import EndpointSecret  # noqa: E402

QUEUE = "one-task-a-delivery"

app = Celery("one_task_a_delivery")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    task_default_queue=QUEUE,
    task_ignore_result=True,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    # As Celery's documentation asks of busy workers; without, every task makes a connection.
    CELERY_DB_REUSE_MAX=1_000_000,
)


@app.task(name="one_task_a_delivery.deliver")  # type: ignore[untyped-decorator,unused-ignore]
def deliver(delivery_id: str) -> None:
    """Send one delivery and record the attempt."""
    delivery = Delivery.objects.select_related("event", "endpoint").get(pk=uuid.UUID(delivery_id))
    body = delivery.event.payload.encode()
    timestamp = int(time.time())
    message_id = delivery.event.public_id
    started_at = timezone.now()
    response = _session().post(
        delivery.endpoint.url,
        data=body,
        headers={
            "content-type": "application/json",
            "user-agent": settings.WEBHOOKS_USER_AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature_header(message_id, timestamp, body, [_key(delivery.endpoint_id)]),
            "switera-delivery-id": delivery.public_id,
            "switera-attempt": str(delivery.attempt_count + 1),
            "switera-event-type": delivery.event_type,
        },
        timeout=settings.WEBHOOKS_TIMEOUT,
        allow_redirects=False,
    )
    delivery.status = DeliveryStatus.SUCCEEDED if response.ok else DeliveryStatus.FAILED
    delivery.due_at = None
    delivery.attempt_count += 1
    delivery.last_attempt_at = started_at
    delivery.response_status = response.status_code
    delivery.error_code = "" if response.ok else "http_status"
    delivery.save(
        update_fields=["status", "due_at", "attempt_count", "last_attempt_at", "response_status", "error_code"]
    )
    Attempt.objects.create(
        delivery=delivery,
        number=delivery.attempt_count,
        status=AttemptStatus.SUCCEEDED if response.ok else AttemptStatus.FAILED,
        started_at=started_at,
        duration_ms=round(response.elapsed.total_seconds() * 1_000),
        response_status=response.status_code,
        response_headers=list(response.headers.items()),
        response_body=response.text,
        error_code=delivery.error_code,
    )


@cache
def _session() -> requests.Session:
    session = requests.Session()
    # Reading proxies and .netrc from the environment costs more than the request.
    session.trust_env = False
    return session


@cache
def _key(endpoint_id: uuid.UUID) -> bytes:
    return decode_secret(decrypt(EndpointSecret.objects.get(endpoint=endpoint_id, expires_at=None).ciphertext))
