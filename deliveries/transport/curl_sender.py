"""The fast sender: hundreds of requests in one thread, through libcurl's event loop.

Whoever starts requests drives the loop, in finished(). While that thread is busy elsewhere a caretaker does, so that
wall clocks hold; it also closes the connections when there has been nothing to do.
"""

import threading
import time

import pycurl

from deliveries.transport.curl_lookups import LookupsUnderWay
from deliveries.transport.curl_loop import CurlLoop, Ended
from deliveries.transport.curl_routes import route
from deliveries.transport.curl_transfers import Transfer
from deliveries.transport.outcomes import Record, internal_error, timed_out, unsent
from deliveries.transport.sender import LOOKUP_SHARE, OutboundRequest, Outcome
from deliveries.transport.tls import AuthoritiesFile
from webhooks.destinations.judge import DestinationJudge, JudgedDestination, PendingDestination
from webhooks.destinations.name_lookup import LookupFailed
from webhooks.destinations.refusals import UrlRefused

DEFAULT_SLOTS = 256
# How long the loop may stand still before the caretaker drives it.
STILL_SECONDS = 0.1
# With nothing to do for so long, connections are closed and the caretaker sleeps.
REST_AFTER_SECONDS = 10.0


class CurlSender:
    """Up to `slots` requests at once; trusts certifi's authorities and those in the file `ca_bundle`.

    What a fork must not carry over (loop, connections, thread) is made with the first request. Raises ValueError
    when the bundle cannot be read.
    """

    def __init__(self, judge: DestinationJudge, ca_bundle: str, slots: int = DEFAULT_SLOTS) -> None:
        self._judge = judge
        self._authorities = AuthoritiesFile(ca_bundle)
        self._slots = slots
        self._in_flight = 0
        self._outcomes: list[Outcome] = []
        self._lookups = LookupsUnderWay(self._wake)
        self._running: dict[pycurl.Curl, tuple[Transfer, Record]] = {}
        self._spare: list[Transfer] = []
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
                loop = self._loop or self._make_loop()
                judged = self._judge.begin(request.url, request.timeout * LOOKUP_SHARE)
                if isinstance(judged, PendingDestination):
                    self._lookups.add(record, judged)
                else:
                    self._send(loop, record, judged)
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
        for record, pending in self._lookups.answered():
            try:
                self._send(loop, record, pending.destination())
            except Exception as error:  # noqa: BLE001
                self._give_up(record, error)
        for record, pending in self._lookups.timed_out():
            self._give_up(record, pending.timed_out(record.request.timeout * LOOKUP_SHARE))

    def _send(self, loop: CurlLoop, record: Record, judged: JudgedDestination) -> None:
        seconds = record.deadline - time.monotonic()
        if seconds <= 0:
            self._outcomes.append(record.outcome(timed_out(record.request)))
            return
        transfer = self._spare.pop() if self._spare else Transfer(self._authorities.path)
        try:
            transfer.prepare(record, judged.url, route(record.request.app_id, judged), seconds, loop)
            loop.add(transfer.handle)
        except BaseException:
            self._spare.append(transfer)
            raise
        self._running[transfer.handle] = transfer, record

    def _end(self, loop: CurlLoop, ended: Ended) -> None:
        transfer, record = self._running[ended.handle]
        loop.remove(ended.handle)
        seconds = record.deadline - time.monotonic()
        if transfer.stale and seconds > 0:
            transfer.renew(seconds)
            loop.add(ended.handle)
            return
        del self._running[ended.handle]
        self._outcomes.append(record.outcome(transfer.failed(record, ended.code, ended.text)))
        self._spare.append(transfer)

    def _give_up(self, record: Record, error: Exception) -> None:
        failed = unsent(error) if isinstance(error, UrlRefused | LookupFailed) else internal_error(error)
        self._outcomes.append(record.outcome(failed))

    # --- The loop, and who drives it ---------------------------------------------------------------

    def _make_loop(self) -> CurlLoop:
        loop = self._loop = CurlLoop(keep=self._slots)
        if self._caretaker is None:
            self._caretaker = threading.Thread(target=self._take_care, name="sender's caretaker", daemon=True)
            self._caretaker.start()
        self._called.set()
        return loop

    def _close_loop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        transfers = [*self._spare, *(transfer for transfer, _ in self._running.values())]
        for handle in self._running:
            loop.remove(handle)
        loop.close()
        for transfer in transfers:
            transfer.close()
        self._running.clear()
        self._spare.clear()

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
            absent = time.monotonic() - self._seen_at
            if self._in_flight == 0 and absent >= REST_AFTER_SECONDS:
                self._close_loop()
            if len(self._outcomes) == self._in_flight or absent < STILL_SECONDS:
                return False
            self._drive(STILL_SECONDS)
            return True
        finally:
            self._lock.release()
