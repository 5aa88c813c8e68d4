"""The fast sender: hundreds of requests in one thread, through libcurl's event loop.

Whoever starts requests drives the loop, in finished(). While that thread is busy elsewhere a caretaker does, so that
wall clocks hold; it also closes the connections when there has been nothing to do.
"""

import threading
import time
from functools import partial

import pycurl

from deliveries.transport.curl_lookups import LookupsUnderWay
from deliveries.transport.curl_loop import CurlLoop, Ended
from deliveries.transport.curl_routes import Route, direct_route, routes_through
from deliveries.transport.curl_transfers import Transfer
from deliveries.transport.egress_proxy import EgressProxy, PendingProxy, ProxyNotFound
from deliveries.transport.outcomes import Record, internal_error, timed_out, unsent
from deliveries.transport.sender import LOOKUP_SHARE, OutboundRequest, Outcome
from deliveries.transport.spare_transfers import SpareTransfers
from deliveries.transport.tls import AuthoritiesFile
from webhooks.destinations.judge import DestinationJudge, JudgedDestination, PendingDestination
from webhooks.destinations.name_lookup import LookupFailed
from webhooks.destinations.refusals import UrlRefused

# Receivers that take 500 ms need 1,500 in flight for 3,000 a second; what is not in flight costs nothing.
DEFAULT_SLOTS = 1_024
# How long the loop may stand still before the caretaker drives it.
STILL_SECONDS = 0.1
# With nothing to do for so long, connections are closed and the caretaker sleeps.
REST_AFTER_SECONDS = 10.0


class CurlSender:
    """Up to `slots` requests at once; trusts certifi's authorities and those in the file `ca_bundle`.

    What a fork must not carry over (loop, connections, thread) is made with the first request. Raises ValueError
    when the bundle cannot be read.
    """

    def __init__(
        self,
        judge: DestinationJudge,
        ca_bundle: str,
        slots: int = DEFAULT_SLOTS,
        *,
        proxy: EgressProxy | None = None,
    ) -> None:
        self._judge = judge
        self._proxy = proxy
        self._authorities = AuthoritiesFile(ca_bundle)
        self._slots = slots
        self._in_flight = 0
        self._outcomes: list[Outcome] = []
        self._lookups = LookupsUnderWay(self._wake)
        self._running: dict[pycurl.Curl, tuple[Transfer, Record]] = {}
        self._spare = SpareTransfers()
        self._loop: CurlLoop | None = None
        self._lock = threading.Lock()
        self._wanted = False
        self._seen_at = 0.0
        self._called = threading.Event()
        self._caretaker: threading.Thread | None = None
        self._closed = False

    def room(self) -> int:
        return self._slots - self._in_flight

    def in_flight(self) -> int:
        return self._in_flight

    def start(self, request: OutboundRequest) -> None:
        self._take_over()
        try:
            if self._closed or self._in_flight >= self._slots:
                raise RuntimeError("Ask room() before start(): the sender is full or closed.")
            self._in_flight += 1
            record = Record(request)
            self._seen_at = record.started
            try:
                if self._loop is None:
                    self._make_loop()
                judged = self._judge.begin(request.url, request.timeout * LOOKUP_SHARE)
                if isinstance(judged, PendingDestination):
                    self._lookups.add(record, judged, partial(self._judged, record, judged))
                else:
                    self._find_way(record, judged)
            except Exception as error:  # noqa: BLE001 (a lost delivery is worse than any error)
                self._give_up(record, error)
        finally:
            self._lock.release()

    def finished(self, wait: float, at_least: int = 1) -> list[Outcome]:
        deadline = time.monotonic() + wait
        self._take_over()
        try:
            wanted = min(at_least, self._in_flight)
            while True:
                left = deadline - time.monotonic()
                self._drive(max(0.0, left) if len(self._outcomes) < wanted else 0.0)
                if len(self._outcomes) >= wanted or left <= 0:
                    break
            outcomes, self._outcomes = self._outcomes, []
            self._in_flight -= len(outcomes)
            self._seen_at = time.monotonic()
        finally:
            self._lock.release()
        return outcomes

    def close(self) -> None:
        self._take_over()
        try:
            self._closed = True
            self._called.set()
            self._close_loop()
            self._authorities.close()
        finally:
            self._lock.release()
        if self._caretaker:
            self._caretaker.join()

    def _drive(self, wait: float) -> None:
        """Let the attempts go on, waiting `wait` seconds at most for something to do."""
        loop = self._loop
        if loop is None:
            return
        for ended in loop.run(min(wait, self._lookups.seconds_left())):
            self._end(loop, ended)
        for record, go_on in self._lookups.answered():
            try:
                go_on()
            except Exception as error:  # noqa: BLE001
                self._give_up(record, error)
        for record, too_late in self._lookups.timed_out():
            self._give_up(record, too_late)

    def _judged(self, record: Record, pending: PendingDestination) -> None:
        self._find_way(record, pending.destination())

    def _find_way(self, record: Record, judged: JudgedDestination) -> None:
        if self._proxy is None:
            self._send(record, judged, (direct_route(record.request.app_id, judged),))
            return
        found = self._proxy.begin(record.request.timeout * LOOKUP_SHARE)
        if isinstance(found, PendingProxy):
            self._lookups.add(record, found, partial(self._proxy_found, record, judged, found))
        else:
            self._send(record, judged, routes_through(found, self._proxy.port, record.request.app_id, judged))

    def _proxy_found(self, record: Record, judged: JudgedDestination, pending: PendingProxy) -> None:
        if self._proxy is not None:
            ways = routes_through(pending.addresses(), self._proxy.port, record.request.app_id, judged)
            self._send(record, judged, ways)

    def _send(self, record: Record, judged: JudgedDestination, ways: tuple[Route, ...]) -> None:
        seconds = record.deadline - time.monotonic()
        loop = self._loop
        if seconds <= 0 or loop is None:
            self._outcomes.append(record.outcome(timed_out(record.request.timeout)))
            return
        transfer = self._spare.take(judged.url.url) or Transfer(self._authorities.path, self._proxy)
        try:
            transfer.prepare(record.request, record.answer, judged.url, ways, seconds, loop.unusable)
            loop.add(transfer.handle)
        except BaseException:
            self._spare.give(transfer)
            raise
        self._running[transfer.handle] = transfer, record

    def _end(self, loop: CurlLoop, ended: Ended) -> None:
        """Whatever goes wrong with this one is its own outcome: the others have ended too (S20)."""
        transfer, record = self._running.pop(ended.handle)
        try:
            loop.remove(ended.handle)
            seconds = record.deadline - time.monotonic()
            if ended.code and seconds > 0 and transfer.try_again(seconds):
                loop.add(ended.handle)
                self._running[ended.handle] = transfer, record
                return
            failed = transfer.failed(ended.code, ended.text)
        except Exception as error:  # noqa: BLE001 (a lost delivery is worse than any error)
            failed = internal_error(error)
            transfer.close()  # nobody knows what it is like: it is not used again
        else:
            self._spare.give(transfer)
        self._outcomes.append(record.outcome(failed))

    def _give_up(self, record: Record, error: Exception) -> None:
        if isinstance(error, UrlRefused | LookupFailed | ProxyNotFound):
            failed = unsent(error)
        else:
            failed = internal_error(error)
        self._outcomes.append(record.outcome(failed))

    # --- The loop, and who drives it ---------------------------------------------------------------

    def _make_loop(self) -> None:
        self._loop = CurlLoop(keep=self._slots)
        if self._caretaker is None or not self._caretaker.is_alive():
            self._caretaker = threading.Thread(target=self._take_care, name="sender's caretaker", daemon=True)
            self._caretaker.start()
        self._called.set()

    def _close_loop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        transfers = [*self._spare.take_all(), *(transfer for transfer, _ in self._running.values())]
        for handle in self._running:
            loop.remove(handle)
        loop.close()
        for transfer in transfers:
            transfer.close()
        self._running.clear()

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None:
            loop.wake()

    def _take_over(self) -> None:
        """Take the lock, from the caretaker if need be."""
        if not self._lock.acquire(blocking=False):
            self._wanted = True
            self._wake()
            self._lock.acquire()
            self._wanted = False

    def _take_care(self) -> None:
        while not self._closed:
            self._called.wait(None if self._loop is None else STILL_SECONDS)
            self._called.clear()
            while self._look_after():
                pass

    def _look_after(self) -> bool:
        """Do what is to be done in the owner's absence; whether there is more of it."""
        if self._wanted or not self._lock.acquire(blocking=False):
            return False
        try:
            if self._closed:  # what was in flight was cut: nothing of it will come
                return False
            absent = time.monotonic() - self._seen_at
            if self._in_flight == 0 and absent >= REST_AFTER_SECONDS:
                self._close_loop()
            if len(self._outcomes) == self._in_flight or absent < STILL_SECONDS:
                return False
            self._drive(STILL_SECONDS)
            return True
        finally:
            self._lock.release()
