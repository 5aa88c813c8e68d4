"""When receivers that fail get their attempts, against the schedule."""

from collections.abc import Sequence

from benchmarks.meter import Meter
from benchmarks.product import product
from benchmarks.receiver_process import BUSY_SECONDS, Answer
from benchmarks.receivers import receivers
from benchmarks.report import Report, Table, Target
from benchmarks.scale import Scale
from benchmarks.seed import emit_many, seed_app
from benchmarks.stack import Stack
from deliveries.models import Attempt, Delivery
from events.models import Event

SCHEDULE = (1, 2, 3)
TIMEOUT = 3
SETTINGS = {
    "WEBHOOKS_RETRY_SCHEDULE": ",".join(map(str, SCHEDULE)),
    "WEBHOOKS_RETRY_JITTER": "0",
    "WEBHOOKS_TIMEOUT": str(TIMEOUT),
}
# An idle system starts a due attempt within a second.
LATE_AT_MOST = 1.0
DONE_SECONDS = 60.0

# Receiver, how it is told to people, what becomes of the delivery, attempts.
CASES = (
    (Answer.FAIL, "answers 500", "failed", 4),
    (Answer.BUSY, f"answers 503, Retry-After: {BUSY_SECONDS}", "failed", 4),
    (Answer.SILENT, "never answers", "failed", 4),
    (Answer.ACCEPT_THIRD, "answers 200 at the third try", "succeeded", 3),
)


def run(stack: Stack, scale: Scale, report: Report) -> None:
    answers = [answer for answer, *_ in CASES]
    with (
        Meter(stack) as meter,
        product(stack, SETTINGS),
        receivers(stack.directory, answers) as received,
    ):
        app = seed_app(received.urls)
        (event,) = emit_many(app, 1)
        meter.wait_until_done(DONE_SECONDS)
        urls = list(received.urls)
    rows: list[Sequence[str]] = []
    for (answer, told, status, attempts), url in zip(CASES, urls, strict=True):
        delivery = Delivery.objects.get(event=event, endpoint__url=url)
        made = list(delivery.attempts.order_by("number"))
        due = _due(event, made, answer)
        started = [(attempt.started_at - event.created_at).total_seconds() for attempt in made]
        late = [at - on for at, on in zip(started, due, strict=True)]
        for attempt, on, at in zip(made, due, started, strict=True):
            rows.append(
                (
                    told if attempt.number == 1 else "",
                    str(attempt.number),
                    f"{on:.2f}",
                    f"{at:.2f}",
                    f"{at - on:.2f}",
                    str(attempt.response_status or attempt.error_code),
                )
            )
        found = f"{delivery.status} after {len(made)}, {min(late):.3f} to {max(late):.3f} s late"
        report.targets.append(
            Target(
                f"{told}: {status} after {attempts} attempts, none early, none {LATE_AT_MOST:g} s late",
                (delivery.status, len(made)) == (status, attempts)
                and all(0 <= seconds < LATE_AT_MOST for seconds in late),
                found,
            )
        )
        report.figures[told] = {"status": delivery.status, "due": due, "started": started}
    title = f"Attempts in seconds after the event, with a schedule of {SCHEDULE} s, a wall clock of {TIMEOUT} s"
    headings = ("receiver", "attempt", "due", "started", "late", "outcome")
    report.tables.append(Table(title, headings, rows))


def _due(event: Event, attempts: Sequence[Attempt], answer: Answer) -> list[float]:
    """When each attempt should have started: so long after the end of the one before, in seconds after the event."""
    due = [0.0]
    for delay, before in zip(SCHEDULE, attempts[: len(attempts) - 1], strict=False):
        wait = max(delay, BUSY_SECONDS) if answer is Answer.BUSY else delay
        ended = (before.started_at - event.created_at).total_seconds() + before.duration_ms / 1_000
        # The duration is rounded to a millisecond.
        due.append(ended - 0.001 + wait)
    return due
