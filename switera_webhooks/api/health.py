"""`GET /livez` and `GET /readyz`: 200 when the database answers and is migrated, 503 otherwise.

The body also tells of broker and workers. Without them events are accepted and delivered late, so they decide
nothing here: a restart of the web would not bring them back.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from switera_webhooks import embedded_worker
from switera_webhooks.api.views import JSONView
from switera_webhooks.celery import app

# How long an answer waits for the broker, and how long what it said then counts.
BROKER_WAIT_SECONDS = 2.0
REMEMBER_BROKER_SECONDS = 5.0
PING_SECONDS = 0.5


@dataclass(frozen=True)
class DatabaseState:
    database: Literal["ok", "unreachable"]
    migrations: Literal["applied", "pending", "unknown"]


@dataclass(frozen=True)
class BrokerState:
    broker: Literal["ok", "embedded", "unreachable"]
    workers: Literal["ok", "none", "unknown"]


def _choices(*names: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=names)


_BODY = inline_serializer(
    "Health",
    {
        "status": _choices("ok", "unavailable"),
        "database": _choices("ok", "unreachable"),
        "migrations": _choices("applied", "pending", "unknown"),
        "broker": _choices("ok", "embedded", "unreachable"),
        "workers": _choices("ok", "none", "unknown"),
    },
)


class HealthView(JSONView):
    """For load balancers and process supervisors: no key, no secret in the answer."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        summary="Tell whether the service can serve",
        tags=["Health"],
        auth=[],
        responses={
            200: OpenApiResponse(_BODY, description="The database answers and is migrated."),
            503: OpenApiResponse(_BODY, description="It does not, or is not."),
        },
    )
    def get(self, request: Request) -> Response:
        database = database_state()
        healthy = database.migrations == "applied"
        body = {"status": "ok" if healthy else "unavailable", **asdict(database), **asdict(broker_state())}
        return Response(body, status=200 if healthy else 503)


def database_state() -> DatabaseState:
    """Whether the database answers, and has every migration of the code."""
    try:
        applied = MigrationRecorder(connection).applied_migrations()
    except DatabaseError:
        connection.close()
        return DatabaseState("unreachable", "unknown")
    return DatabaseState("ok", "applied" if _last_migrations() <= applied.keys() else "pending")


@lru_cache(maxsize=1)
def _last_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def broker_state(wait_seconds: float = BROKER_WAIT_SECONDS) -> BrokerState:
    """What is known of broker and workers, within so many seconds."""
    if settings.CELERY_EMBEDDED:
        return BrokerState("embedded", "ok" if embedded_worker.is_running() else "none")
    return _probe.state(wait_seconds)


class _Probe:
    """Asks in a thread of its own: a broker that hangs must not hang the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="broker-probe")
        self._asked: Future[BrokerState] | None = None
        self._asked_at = 0.0

    def state(self, wait_seconds: float) -> BrokerState:
        with self._lock:
            now = time.monotonic()
            if self._asked is None or (self._asked.done() and now - self._asked_at > REMEMBER_BROKER_SECONDS):
                self._asked, self._asked_at = self._executor.submit(_ask_broker), now
            asked = self._asked
        try:
            return asked.result(wait_seconds)
        except TimeoutError:
            return BrokerState("unreachable", "unknown")


def _ask_broker() -> BrokerState:
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=1)
            # Any worker will do: waiting for one answer is quicker than for all.
            answers = app.control.ping(timeout=PING_SECONDS, connection=broker, limit=1)
    except Exception:  # noqa: BLE001 (whatever a broker's client raises)
        return BrokerState("unreachable", "unknown")
    return BrokerState("ok", "ok" if answers else "none")


_probe = _Probe()
