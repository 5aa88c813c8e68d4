"""One attempt with `requests`, from the judged destination to the outcome, in the thread that asks for it."""

import ssl

from deliveries.transport.adapter import JudgedAdapter
from deliveries.transport.connections import CurrentAttempt, Origin, ProxyRefused
from deliveries.transport.egress_proxy import EgressProxy, ProxyNotFound, refused, unreachable
from deliveries.transport.failures import Failure, failure_of
from deliveries.transport.kept_connections import KeptConnections
from deliveries.transport.outcomes import Record, internal_error, timed_out, unsent, verdict
from deliveries.transport.sender import LOOKUP_SHARE, OutboundRequest, Outcome
from deliveries.transport.wall_clock import AttemptClock, Watchdog
from webhooks.destinations.judge import DestinationJudge
from webhooks.destinations.name_lookup import LookupFailed
from webhooks.destinations.refusals import UrlRefused


class Attempts:
    """Makes attempts, any number at once in as many threads. `keep` idle connections stay open at most."""

    def __init__(self, judge: DestinationJudge, context: ssl.SSLContext, keep: int, proxy: EgressProxy | None) -> None:
        self._judge = judge
        self._proxy = proxy
        self._kept = KeptConnections(keep)
        self._adapter = JudgedAdapter(self._kept, context)
        self._watchdog = Watchdog(self._kept.close_stale)

    def make(self, request: OutboundRequest) -> Outcome:
        """Send the request. Never raises: whatever happens is an outcome."""
        record = Record(request)
        clock = AttemptClock(record.deadline)
        try:
            self._watchdog.add(clock)
            failed = self._exchange(record, clock)
        except Exception as error:  # noqa: BLE001 (a lost delivery is worse than any error)
            failed = internal_error(error)
        finally:
            self._watchdog.remove(clock)
            clock.end()
        return record.outcome(failed)

    def close(self) -> None:
        """Cut the attempts that are being made, close every connection."""
        self._watchdog.close()
        self._kept.close()

    def _exchange(self, record: Record, clock: AttemptClock) -> Failure | None:
        request, answer = record.request, record.answer
        try:
            destination = self._judge.judge(request.url, request.timeout * LOOKUP_SHARE)
            proxy_addresses = self._proxy.addresses(request.timeout * LOOKUP_SHARE) if self._proxy else ()
        except (UrlRefused, LookupFailed, ProxyNotFound) as problem:
            return unsent(problem)
        url = destination.url
        origin = Origin(request.app_id, url.scheme, url.host, url.port)
        attempt = CurrentAttempt(origin, url.target, destination.addresses, clock, self._proxy, proxy_addresses)
        broken: Failure | None = None
        try:
            answer.read(self._adapter.post(request, attempt))
        except ProxyRefused as problem:
            broken = unreachable() if problem.status is None else refused(problem.status)
        except Exception as error:
            broken = failure_of(error)
            if broken is None:
                raise
        if clock.is_over():
            # A body that the end of the connection ends looks complete when the clock ends it.
            answer.truncated = True
            broken = timed_out(request.timeout)
        return verdict(answer, broken)
