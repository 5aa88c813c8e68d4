"""One wall clock for an attempt (security.md S17). A socket's time-out starts anew with each byte.

Every attempt has a handle on its socket; when its time is up, a watchdog shuts the socket down, and whatever
the attempt's thread waits for (handshake, send, header, body) ends at once.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable

TICK_SECONDS = 0.1


class AttemptClock:
    """The time an attempt has, until `deadline` in monotonic seconds, and the socket it uses."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._expired = False
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()

    def remaining(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        seconds = self.deadline - time.monotonic()
        if self._expired or seconds <= 0:
            raise TimeoutError("The attempt's time is up.")
        return seconds

    def is_over(self) -> bool:
        return self._expired or time.monotonic() >= self.deadline

    def watch(self, connection: socket.socket) -> None:
        """From now on `connection` is what ends at the deadline. Raises TimeoutError when it has passed."""
        # A descriptor of our own for the same connection. The attempt's thread may wrap or close its own at
        # any moment; shutting down a number that meanwhile belongs to another attempt would cut that one.
        handle = socket.socket(connection.family, socket.SOCK_STREAM, connection.proto, os.dup(connection.fileno()))
        with self._lock:
            previous, self._handle = self._handle, handle
        if previous:
            previous.close()
        self.remaining()

    def expire(self) -> None:
        """End whatever the attempt waits for."""
        with self._lock:
            self._expired = True
            if self._handle:
                with contextlib.suppress(OSError):  # the receiver was faster
                    self._handle.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """The attempt is over: let go of the socket."""
        with self._lock:
            handle, self._handle = self._handle, None
        if handle:
            handle.close()


class Watchdog:
    """A thread that expires attempts, and meanwhile calls `tidy` (returns whether to call it again).

    It sleeps while there is neither.
    """

    def __init__(self, tidy: Callable[[], bool]) -> None:
        self._tidy = tidy
        self._clocks: set[AttemptClock] = set()
        self._changed = threading.Condition()
        self._idle = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, clock: AttemptClock) -> None:
        """Keep an eye on the attempt until it is removed."""
        with self._changed:
            if self._closed:
                clock.expire()
                return
            self._clocks.add(clock)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="wall clock", daemon=True)
                self._thread.start()
            elif self._idle:
                self._changed.notify()

    def remove(self, clock: AttemptClock) -> None:
        with self._changed:
            self._clocks.discard(clock)

    def close(self) -> None:
        """Expire all attempts and end the thread."""
        with self._changed:
            self._closed = True
            clocks = list(self._clocks)
            self._changed.notify()
        for clock in clocks:
            clock.expire()
        if self._thread:
            self._thread.join(timeout=1)

    def _watch(self) -> None:
        while True:
            more = self._tidy()
            with self._changed:
                if self._closed:
                    return
                self._idle = not (more or self._clocks)
                self._changed.wait(None if self._idle else TICK_SECONDS)
                clocks = list(self._clocks)
            now = time.monotonic()
            for clock in clocks:
                if clock.deadline <= now:
                    clock.expire()
