"""libcurl's event loop: its transfers, the sockets it waits for, and its one timer (multi_socket_action)."""

import contextlib
import os
import select
import socket
import threading
import time
from typing import NamedTuple

import pycurl

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_BROKEN = select.EPOLLERR | select.EPOLLHUP
_MASKS = {pycurl.POLL_IN: _IN, pycurl.POLL_OUT: _OUT, pycurl.POLL_INOUT: _IN | _OUT}


class Ended(NamedTuple):
    """A transfer that has ended; `code` is 0 or an error of libcurl's, `text` what it says of that."""

    handle: pycurl.Curl
    code: int
    text: str


class CurlLoop:
    """Runs transfers in the thread that calls run(). `keep` idle connections stay open at most.

    `unusable` has our ends (address and port) of kept connections that are not to be used again, such as those
    that ended meanwhile: libcurl looks for these only once a second, and a request that it sends on one is lost.
    """

    def __init__(self, keep: int) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, keep)
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, _IN)
        self._bell_lock = threading.Lock()
        self._closed = False
        self._timer: float | None = None
        self._masks: dict[int, int] = {}
        self._idle: set[int] = set()
        self.unusable: set[tuple[str, int]] = set()

    def add(self, handle: pycurl.Curl) -> None:
        """Begin a transfer; it gets going in run()."""
        self._multi.add_handle(handle)

    def remove(self, handle: pycurl.Curl) -> None:
        """Let go of a transfer: one that has ended, or one that is to be cut."""
        self._multi.remove_handle(handle)

    def wake(self) -> None:
        """Make run() return soon; from any thread."""
        with self._bell_lock:
            if not self._closed:
                os.eventfd_write(self._bell, 1)

    def run(self, wait: float) -> list[Ended]:
        """Do what there is to do, waiting `wait` seconds at most for it, and tell what has ended.

        Each is to be removed before the next run.
        """
        if self._timer is not None:
            wait = min(wait, max(0.0, self._timer - time.monotonic()))
        events = self._epoll.poll(wait)
        lost = {descriptor for descriptor, _ in events if descriptor in self._idle}
        for descriptor in lost:  # first: whatever runs next may be about to use one of them
            self._lost(descriptor)
        for descriptor, event in events:
            if descriptor == self._bell:
                os.eventfd_read(self._bell)
            elif descriptor not in lost:
                flags = pycurl.CSELECT_IN if event & _IN else 0
                if event & _OUT:
                    flags |= pycurl.CSELECT_OUT
                if event & _BROKEN:
                    flags |= pycurl.CSELECT_ERR
                self._multi.socket_action(descriptor, flags)
        if self._timer is not None and self._timer <= time.monotonic():
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return self._ended()

    def close(self) -> None:
        """Close every connection. The transfers that run have to be removed before."""
        self._multi.close()
        self._epoll.close()
        with self._bell_lock:
            self._closed = True
            os.close(self._bell)

    def _ended(self) -> list[Ended]:
        """All of them: what is read here is told once, so none may hang on what becomes of another."""
        ended: list[Ended] = []
        left = 1
        while left:
            left, succeeded, failed = self._multi.info_read()
            ended += [Ended(handle, 0, "") for handle in succeeded]
            ended += [Ended(handle, code, text) for handle, code, text in failed]
        return ended

    def _on_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1_000

    def _on_socket(self, what: int, descriptor: int, multi: pycurl.CurlMulti, data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            # Kept, perhaps: it stays watched, for its end. If it is closed, the system forgets it by itself.
            self._idle.add(descriptor)
            if self._masks.get(descriptor) == _IN:
                return
            mask = _IN
        else:
            self._idle.discard(descriptor)
            mask = _MASKS.get(what, 0)
        self._masks[descriptor] = mask
        try:
            self._epoll.modify(descriptor, mask)
        except FileNotFoundError:  # a new connection under the old one's number
            if what != pycurl.POLL_REMOVE:
                self._epoll.register(descriptor, mask)

    def _lost(self, descriptor: int) -> None:
        """A kept connection has ended, or the receiver said something unasked: it is not to be used again."""
        self._idle.discard(descriptor)
        with contextlib.suppress(OSError):
            self._epoll.unregister(descriptor)
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                self.unusable.add(connection.getsockname()[:2])
