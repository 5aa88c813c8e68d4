"""The sender that works everywhere: `requests` in threads, behind deliveries.transport.sender.Sender."""

import ssl
import threading
import time
from collections import deque
from queue import SimpleQueue

from deliveries.transport.attempts import Attempts
from deliveries.transport.egress_proxy import EgressProxy
from deliveries.transport.sender import OutboundRequest, Outcome
from webhooks.destinations.judge import DestinationJudge

DEFAULT_SLOTS = 128
# What a thread needs to notice that its connection was cut; one that looks a name up is left behind.
CLOSE_SECONDS = 2.0


class RequestsSender:
    """Up to `slots` requests at once, a thread each; threads are started as they are needed, and kept."""

    def __init__(
        self,
        judge: DestinationJudge,
        context: ssl.SSLContext,
        slots: int = DEFAULT_SLOTS,
        *,
        proxy: EgressProxy | None = None,
    ) -> None:
        self._slots = slots
        self._attempts = Attempts(judge, context, slots, proxy)
        self._threads: list[threading.Thread] = []
        self._requests: SimpleQueue[OutboundRequest | None] = SimpleQueue()
        self._outcomes: deque[Outcome] = deque()
        self._in_flight = 0
        self._wanted = 1
        self._arrived = threading.Condition()
        self._closed = False

    def room(self) -> int:
        return self._slots - self._in_flight

    def in_flight(self) -> int:
        return self._in_flight

    def start(self, request: OutboundRequest) -> None:
        if self._closed or self._in_flight >= self._slots:
            raise RuntimeError("Ask room() before start(): the sender is full or closed.")
        if len(self._threads) == self._in_flight:
            # A daemon, so that a receiver that hangs does not keep the process from ending.
            thread = threading.Thread(target=self._work, name=f"sender-{len(self._threads)}", daemon=True)
            thread.start()
            self._threads.append(thread)
        self._in_flight += 1
        self._requests.put(request)

    def finished(self, wait: float, at_least: int = 1) -> list[Outcome]:
        deadline = time.monotonic() + wait
        with self._arrived:
            # One wake-up for all that are wanted, not one for each: the threads share an interpreter.
            self._wanted = min(at_least, self._in_flight)
            while len(self._outcomes) < self._wanted:
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    break
            outcomes = list(self._outcomes)
            self._outcomes.clear()
        self._in_flight -= len(outcomes)
        return outcomes

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._attempts.close()
        for _ in self._threads:
            self._requests.put(None)
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while request := self._requests.get():
            outcome = self._attempts.make(request)
            with self._arrived:
                self._outcomes.append(outcome)
                if len(self._outcomes) >= self._wanted:
                    self._arrived.notify()
