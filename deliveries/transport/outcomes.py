"""From what happens to an attempt to its outcome, the same whichever sender makes it."""

import logging
import time
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deliveries.error_codes import ErrorCode
from deliveries.transport.answers import Answer
from deliveries.transport.egress_proxy import ProxyNotFound, unreachable
from deliveries.transport.failures import Failure, failure
from deliveries.transport.sender import OutboundRequest, Outcome
from webhooks.destinations.name_lookup import LookupFailed
from webhooks.destinations.refusals import UrlRefused

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Record:
    """An attempt that has begun, and what has come of it so far. `started` is monotonic seconds."""

    request: OutboundRequest
    answer: Answer = field(default_factory=Answer)
    started: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def deadline(self) -> float:
        """When the wall clock ends it, in monotonic seconds."""
        return self.started + self.request.timeout

    def outcome(self, failed: Failure | None) -> Outcome:
        """What is to be recorded; `failed` is None for a success. An answer that cannot be told is left out."""
        try:
            return self._outcome(self.answer, failed)
        except Exception as error:  # noqa: BLE001 (a lost delivery is worse than any error)
            return self._outcome(Answer(), internal_error(error))

    def _outcome(self, answer: Answer, failed: Failure | None) -> Outcome:
        return Outcome(
            token=self.request.token,
            started_at=self.started_at,
            duration_ms=round((time.monotonic() - self.started) * 1_000),
            status=answer.status,
            headers=answer.headers,
            body=answer.text(),
            truncated=answer.truncated,
            error_code=failed and failed.code,
            error=failed.sentence if failed else "",
        )


def verdict(answer: Answer, broken: Failure | None) -> Failure | None:
    """S21: 2xx whose body ended, or filled what is stored, within the wall clock is a success.

    The status of a failure says more than how its body ended.
    """
    if answer.status is not None and not answer.succeeded:
        code = ErrorCode.REDIRECT if 300 <= answer.status < 400 else ErrorCode.HTTP_STATUS
        return failure(code, f"status {answer.status}")
    return broken


def unsent(problem: UrlRefused | LookupFailed | ProxyNotFound) -> Failure:
    """Why nothing was sent to a destination."""
    if isinstance(problem, ProxyNotFound):
        return unreachable()
    if isinstance(problem, UrlRefused):
        return Failure(ErrorCode.BLOCKED_ADDRESS, f"Nothing was sent: {problem.message}")
    return Failure(ErrorCode.DNS_FAILURE, str(problem))


def timed_out(seconds: float) -> Failure:
    return failure(ErrorCode.TIMEOUT, f"{seconds:g} s")


def internal_error(error: BaseException) -> Failure:
    """A failure of our own: the log says where, not what, for its text may hold a URL or a header (S31)."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("An attempt failed with %s:\n%s", type(error).__name__, where)
    return failure(ErrorCode.INTERNAL_ERROR)
