import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Q
from django.utils import timezone

from deliveries.app_deletion import deletions_are_due, work_on_deletions
from deliveries.engine.drain import Engine
from deliveries.engine.sweep import sweep, work_is_due
from deliveries.models import Delivery, DeliveryStatus, Replay, Turn
from deliveries.replay_batches import work_on_replays
from switera_webhooks.commands import ServiceCommand

# Between looks at what waits for others: a rate limit, a request that another process has in flight.
LOOK_AGAIN_SECONDS = 0.2


class Command(ServiceCommand):
    help = (
        "Deliver without Celery: what is due now, once, or with --until-empty until nothing is left to do. "
        "Retries that are due later stay for a later run, and so does what an endpoint's circuit breaker or pause "
        "holds back. Replays that were started are done first. SIGTERM and Ctrl-C finish what is in flight, then end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--until-empty",
            action="store_true",
            help="go on until nothing is due, waits for its fan-out, or is in flight, here or elsewhere",
        )

    def handle(self, *args: Any, until_empty: bool, **options: Any) -> None:
        Delivery.objects.exists()  # a database that is down is said at once, not waited for as a worker does
        engine = Engine()
        stopping = threading.Event()
        with _stopped_by_signals(engine, stopping):
            try:
                attempts = self._deliver(engine, stopping, until_empty)
            finally:
                engine.close()
        if options["json"]:
            self.print_json({"attempts": attempts})
        else:
            self.stdout.write(f"Made {attempts} attempt{'' if attempts == 1 else 's'}.")

    def _deliver(self, engine: Engine, stopping: threading.Event, until_empty: bool) -> int:
        """The number of attempts made."""
        sweep()
        _work_beside(stopping)
        attempts = engine.drain(None, once=not until_empty).sent
        while until_empty and not stopping.is_set():
            sweep()
            _work_beside(stopping)
            if not (work_is_due() or _is_unfinished() or Replay.objects.active().exists() or deletions_are_due()):
                break
            made = engine.drain(None).sent
            attempts += made
            if not made:
                stopping.wait(LOOK_AGAIN_SECONDS)
        return attempts


def _work_beside(stopping: threading.Event) -> None:
    """What workers do beside deliveries, as far as it is somebody's wish."""
    work_on_replays(stopping.is_set)
    work_on_deletions(stopping.is_set)


def _is_unfinished() -> bool:
    """Whether a delivery is due, be it behind a rate limit, or in flight somewhere.

    What is held, or waits for a circuit breaker or a pause that its receiver asked for, is neither.
    """
    now = timezone.now()
    lane = "endpoint__lane"
    admits = (
        Q(**{f"{lane}__held": False})
        & (Q(**{f"{lane}__open_until": None}) | Q(**{f"{lane}__open_until__lte": now}))
        & (Q(**{f"{lane}__paused_until": None}) | Q(**{f"{lane}__paused_until__lte": now}))
    )
    urgent = Q(turn=Turn.URGENT) & (Q(**{f"{lane}__held": False}) | Q(test=True))
    due = Q(status=DeliveryStatus.PENDING, due_at__lte=now, **{f"{lane}__closed": False}) & (admits | urgent)
    return Delivery.objects.filter(due | Q(status=DeliveryStatus.SENDING)).exists()


@contextmanager
def _stopped_by_signals(engine: Engine, stopping: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT end the run once what is in flight has finished."""

    def stop() -> None:
        stopping.set()
        engine.stop()

    def in_a_thread(*_: object) -> None:
        # What the signal interrupts may hold the very locks that stopping needs.
        threading.Thread(target=stop).start()

    before = {number: signal.signal(number, in_a_thread) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
