"""Tells the workers that there is work: after commit, and without ever getting in the way of an emit (S44).

Rows are the queue; a nudge only saves the wait for the next sweep. So it may be lost, and it never raises.
One daemon thread a process publishes for all of its requests (measured: a message at every event instead
costs a third of the REST emits a second).
"""

import atexit
import logging
import os
import threading
import time
from typing import Any

from django.db import transaction

from switera_webhooks.celery import DRAIN_TASK, app

logger = logging.getLogger(__name__)

# While nudges keep coming, one message this often.
INTERVAL_SECONDS = 0.025
# Older than this a message tells nothing that the sweep has not found.
EXPIRES_SECONDS = 5
# So many messages in the queue wake every worker; more would only fill the broker while no worker runs.
ENOUGH_WAITING = 200
COUNT_EVERY_SECONDS = 1.0
# After a failure, before the broker is tried again; the sweep runs as often.
PAUSE_AFTER_FAILURE_SECONDS = 1.0
LOG_FAILURES_EVERY_SECONDS = 30.0
# What a command that emits and ends at once waits for its message to be out.
AT_EXIT_SECONDS = 1.0


def nudge() -> None:
    """Say that there is work, once the open transaction is committed; at once where none is open."""
    transaction.on_commit(_request)


def _request() -> None:
    _publisher.request()


class _Publisher:
    """The thread, and what it shares with those who ask: two facts under one condition."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requested = False
        self._publishing = False
        self._thread: threading.Thread | None = None
        # The thread's own.
        self._producer: Any = None
        self._failure_logged_at: float | None = None
        self._counted_at = float("-inf")
        self._waiting = 0

    def request(self) -> None:
        with self._changed:
            self._requested = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nudge", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the process is ending, or can have no more threads: the sweep will do
                    self._thread = None
            self._changed.notify_all()

    def wait_until_idle(self, seconds: float) -> None:
        """Return once nothing is asked for or on its way, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._requested or self._publishing), timeout=seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._requested)
                self._requested, self._publishing = False, True
            published = self._publish()
            with self._changed:
                self._publishing = False
                self._changed.notify_all()
            time.sleep(INTERVAL_SECONDS if published else PAUSE_AFTER_FAILURE_SECONDS)

    def _publish(self) -> bool:
        """Send one message; once more, on a new connection, where the one at hand may have died of old age."""
        while True:
            is_new = self._producer is None
            try:
                if is_new:
                    # Not the app's pool: a fork leaves this one behind, together with its thread.
                    self._producer = app.amqp.Producer(app.connection_for_write(), auto_declare=False)
                if self._queue_is_long():
                    return True
                app.send_task(
                    DRAIN_TASK, producer=self._producer, expires=EXPIRES_SECONDS, ignore_result=True, retry=False
                )
            except Exception as error:  # noqa: BLE001 (whatever a broker's client raises; the thread lives on)
                self._disconnect()
                if is_new:
                    self._log(error)
                    return False
            else:
                return True

    def _queue_is_long(self) -> bool:
        """Whether messages pile up because no worker takes them: Redis keeps even those that have expired."""
        now = time.monotonic()
        if now - self._counted_at >= COUNT_EVERY_SECONDS:
            self._counted_at = now
            queue = app.amqp.queues[app.conf.task_default_queue](self._producer.channel)
            self._waiting = queue.queue_declare().message_count  # type: ignore[union-attr]  # (the stubs say text)
        return self._waiting >= ENOUGH_WAITING

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        try:
            if producer is not None:
                producer.connection.release()
        except Exception:  # noqa: BLE001, S110 (closing what is broken already)
            pass

    def _log(self, error: Exception) -> None:
        now = time.monotonic()
        if self._failure_logged_at is None or now - self._failure_logged_at >= LOG_FAILURES_EVERY_SECONDS:
            self._failure_logged_at = now
            logger.warning(
                "The broker does not take messages (%s): deliveries start by the sweep until it does.",
                str(error).partition("\n")[0] or type(error).__name__,
            )


_publisher = _Publisher()


def _start_anew() -> None:
    """A forked process has none of its parent's threads, and no business on its parent's connection."""
    global _publisher
    _publisher = _Publisher()


def _finish() -> None:
    _publisher.wait_until_idle(AT_EXIT_SECONDS)


os.register_at_fork(after_in_child=_start_anew)
atexit.register(_finish)
