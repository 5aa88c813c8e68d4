"""One attempt with `requests`, from the judged destination to the outcome, in the thread that asks for it."""

import logging
import ssl
import time
import traceback
from datetime import UTC, datetime

from deliveries.error_codes import ErrorCode
from deliveries.transport.adapter import JudgedAdapter
from deliveries.transport.answers import Answer
from deliveries.transport.connections import CurrentAttempt, Origin
from deliveries.transport.failures import Failure, failure, failure_of
from deliveries.transport.kept_connections import KeptConnections
from deliveries.transport.sender import OutboundRequest, Outcome
from deliveries.transport.wall_clock import AttemptClock, Watchdog
from webhooks.destinations.judge import DestinationJudge
from webhooks.destinations.name_lookup import LookupFailed
from webhooks.destinations.refusals import UrlRefused

# Of the wall clock: a look-up that hangs is told from a receiver that hangs (S15).
LOOKUP_SHARE = 0.5

logger = logging.getLogger(__name__)


class Attempts:
    """Makes attempts, any number at once in as many threads. `keep` idle connections stay open at most."""

    def __init__(self, judge: DestinationJudge, context: ssl.SSLContext, keep: int) -> None:
        self._judge = judge
        self._kept = KeptConnections(keep)
        self._adapter = JudgedAdapter(self._kept, context)
        self._watchdog = Watchdog(self._kept.close_stale)

    def make(self, request: OutboundRequest) -> Outcome:
        """Send the request. Never raises: whatever happens is an outcome."""
        started_at = datetime.now(UTC)
        started = time.monotonic()
        answer = Answer()
        clock = AttemptClock(request.timeout)
        try:
            self._watchdog.add(clock)
            failed = self._exchange(request, clock, answer)
        except Exception as error:  # noqa: BLE001 (a lost delivery is worse than any error)
            # Where, not what: an exception's text may hold a URL or a header (S31).
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("An attempt failed with %s:\n%s", type(error).__name__, where)
            failed = failure(ErrorCode.INTERNAL_ERROR)
        finally:
            self._watchdog.remove(clock)
            clock.end()
        return Outcome(
            token=request.token,
            started_at=started_at,
            duration_ms=round((time.monotonic() - started) * 1_000),
            status=answer.status,
            headers=answer.headers,
            body=answer.text(),
            truncated=answer.truncated,
            error_code=failed and failed.code,
            error=failed.sentence if failed else "",
        )

    def close(self) -> None:
        """Cut the attempts that are being made, close every connection."""
        self._watchdog.close()
        self._kept.close()

    def _exchange(self, request: OutboundRequest, clock: AttemptClock, answer: Answer) -> Failure | None:
        try:
            destination = self._judge.judge(request.url, request.timeout * LOOKUP_SHARE)
        except UrlRefused as refusal:
            return Failure(ErrorCode.BLOCKED_ADDRESS, f"Nothing was sent: {refusal.message}")
        except LookupFailed as lookup_failed:
            return Failure(ErrorCode.DNS_FAILURE, str(lookup_failed))
        url = destination.url
        origin = Origin(request.app_id, url.scheme, url.host, url.port)
        attempt = CurrentAttempt(origin, url.target, destination.addresses, clock)
        try:
            answer.read(self._adapter.post(request, attempt))
        except Exception as error:
            broken = failure_of(error)
            if broken is None:
                raise
        else:
            broken = None
        if clock.is_over():
            # A body that the end of the connection ends looks complete when the clock ends it.
            answer.truncated = True
            broken = failure(ErrorCode.TIMEOUT, f"{request.timeout:g} s")
        return _verdict(answer, broken)


def _verdict(answer: Answer, broken: Failure | None) -> Failure | None:
    """S21: 2xx whose body ended, or filled what is stored, within the wall clock is a success.

    The status of a failure says more than how its body ended.
    """
    if answer.status is not None and not answer.succeeded:
        code = ErrorCode.REDIRECT if 300 <= answer.status < 400 else ErrorCode.HTTP_STATUS
        return failure(code, f"status {answer.status}")
    return broken
