"""One request after the other through one of libcurl's handles, with nothing of its own choosing."""

import os
import socket
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pycurl

from deliveries.error_codes import ErrorCode
from deliveries.transport.answers import Answer
from deliveries.transport.curl_answers import AnswerReader
from deliveries.transport.curl_failures import CurlError, failure_of
from deliveries.transport.curl_routes import Route
from deliveries.transport.egress_proxy import EgressProxy, refused, unreachable
from deliveries.transport.failures import Failure, failure
from deliveries.transport.headers import check_headers
from deliveries.transport.heads import InvalidResponse
from deliveries.transport.outcomes import internal_error, timed_out, verdict
from deliveries.transport.sender import IDLE_SECONDS, Headers, OutboundRequest
from webhooks.destinations.endpoint_url import EndpointUrl

_SUPPRESS_CONNECT_HEADERS = 265  # CURLOPT_SUPPRESS_CONNECT_HEADERS, for which pycurl has no name
# libcurl forgets what it was told of a name after 60 s; told again for every request, it works at it each time.
SAME_WAY_SECONDS = 30.0
# Endpoints have few sets of constant headers: without custom ones, all have the same.
_REMEMBERED_HEADERS = 4_096
_PROTOCOLS = {"https": pycurl.PROTO_HTTPS, "http": pycurl.PROTO_HTTP}


class Transfer:
    """An easy handle, made once and used for one attempt after the other.

    Nothing comes from the environment (S15), no redirect is followed (S13), certificates are verified (S14),
    a request is sent once.
    """

    def __init__(self, ca_file: str, proxy: EgressProxy | None) -> None:
        self.handle = pycurl.Curl()
        self._through_proxy = proxy is not None
        self._reader = AnswerReader()
        self._answer = Answer()
        self._unusable: set[tuple[str, int]] = set()
        self._timeout = 0.0
        self.url = self._scheme = ""
        self._milliseconds = self._size = -1
        self._ways: list[Route] = []
        self._way: Route | None = None
        self._way_taken_at = 0.0
        self._peers: frozenset[str] = frozenset()
        self._fresh = False
        self._body = b""
        self._begin()
        options: dict[int, Any] = {
            pycurl.POST: 1,
            pycurl.NOSIGNAL: 1,
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
            pycurl.HTTP09_ALLOWED: 0,
            pycurl.PATH_AS_IS: 1,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.HTTP_CONTENT_DECODING: 0,
            pycurl.USERAGENT: "",
            pycurl.PROXY: "",
            pycurl.NOPROXY: "" if proxy else "*",
            pycurl.HTTPPROXYTUNNEL: 1,
            _SUPPRESS_CONNECT_HEADERS: 1,
            pycurl.HEADEROPT: pycurl.HEADER_SEPARATE,  # ours are not for the proxy
            pycurl.NETRC: pycurl.NETRC_IGNORED,
            pycurl.MAXAGE_CONN: round(IDLE_SECONDS),
            pycurl.CAINFO: ca_file,
            pycurl.SSL_VERIFYPEER: 1,
            pycurl.SSL_VERIFYHOST: 2,
            pycurl.SSLVERSION: pycurl.SSLVERSION_TLSv1_2,
            # Sessions would be resumed across apps (S16).
            pycurl.SSL_SESSIONID_CACHE: 0,
            pycurl.READFUNCTION: self._read,
            pycurl.SEEKFUNCTION: _refuse_to_rewind,
            pycurl.HEADERFUNCTION: self._reader.take_line,
            pycurl.WRITEFUNCTION: self._reader.take_part,
            pycurl.OPENSOCKETFUNCTION: self._open_socket,
            pycurl.PREREQFUNCTION: self._before_request,
        }
        if proxy and proxy.credentials:
            user, _, password = proxy.credentials.partition(":")
            options |= {pycurl.PROXYUSERNAME: user.encode(), pycurl.PROXYPASSWORD: password.encode()}
        for option, value in options.items():
            self.handle.setopt(option, value)

    def prepare(
        self,
        request: OutboundRequest,
        answer: Answer,
        url: EndpointUrl,
        ways: Sequence[Route],
        seconds: float,
        unusable: set[tuple[str, int]],
    ) -> None:
        """Set the handle up for an attempt that has `seconds` left, by the first of the ways, or the next.

        `unusable` is the loop's. Raises ValueError for headers that are none.
        """
        self._answer = answer
        self._reader.begin(answer)
        self._unusable = unusable
        self._timeout = request.timeout
        self._body = request.body
        self._ways = list(ways)
        set_option = self.handle.setopt
        if url.url != self.url:
            set_option(pycurl.URL, url.url)
            self.url = url.url
        if url.scheme != self._scheme:
            set_option(pycurl.PROTOCOLS, _PROTOCOLS[url.scheme])
            self._scheme = url.scheme
        if self._fresh:
            self._fresh = False
            set_option(pycurl.FRESH_CONNECT, 0)
        set_option(pycurl.HTTPHEADER, _header_lines(request.constant_headers, request.headers))
        if len(request.body) != self._size:
            set_option(pycurl.POSTFIELDSIZE_LARGE, len(request.body))
            self._size = len(request.body)
        self._take_next_way()
        self._begin(seconds)

    def try_again(self, seconds: float) -> bool:
        """Set the handle up once more, where nothing was sent and there is another connection to send it on."""
        if self._stale:
            self._fresh = True
            self.handle.setopt(pycurl.FRESH_CONNECT, 1)
        elif self._ways and self._refused_by_proxy():
            self._take_next_way()
        else:
            return False
        self._begin(seconds)
        return True

    def failed(self, code: int, text: str) -> Failure | None:
        """Why the attempt failed, by libcurl's code for the ended transfer; None for a success."""
        self._body = b""  # a handle may rest for long
        answer, reader = self._answer, self._reader
        if self._failure:
            return self._failure
        broken: Failure | None
        if isinstance(reader.problem, InvalidResponse):
            broken = failure(ErrorCode.INVALID_RESPONSE, str(reader.problem))
        elif reader.problem:
            return internal_error(reader.problem)
        elif reader.full:
            broken = None
        elif code == 0:
            broken = reader.at_the_end()
            if broken or reader.doubtful:  # but for libcurl the connection is as good as new
                self._unusable.add(self._local)
        elif code == pycurl.E_OPERATION_TIMEDOUT:
            broken = timed_out(self._timeout)
        else:
            broken = self._broken(code, text)
        if broken and answer.status is not None:
            answer.truncated = True
        return verdict(answer, broken)

    def close(self) -> None:
        self.handle.close()

    def _begin(self, seconds: float = 0.0) -> None:
        self._sent = 0
        self._local = ("", 0)
        self._connected = self._let_through = self._stale = False
        self._failure: Failure | None = None
        milliseconds = max(1, round(seconds * 1_000))
        if milliseconds != self._milliseconds:
            self.handle.setopt(pycurl.TIMEOUT_MS, milliseconds)
            self._milliseconds = milliseconds

    def _take_next_way(self) -> None:
        way = self._ways.pop(0)
        now = time.monotonic()
        if way is self._way and now - self._way_taken_at < SAME_WAY_SECONDS:
            return
        self._way = None
        self._peers = way.peers
        self.handle.setopt(pycurl.RESOLVE, way.resolve)
        self.handle.setopt(pycurl.CONNECT_TO, way.connect_to)
        if way.proxy:
            self.handle.setopt(pycurl.PROXY, way.proxy)
        self._way, self._way_taken_at = way, now

    def _refused_by_proxy(self) -> int | None:
        """What the proxy answered, where it made no connection."""
        status: int = self.handle.getinfo(pycurl.HTTP_CONNECTCODE)
        return status if self._through_proxy and not self._let_through and status >= 300 else None

    def _broken(self, code: int, text: str) -> Failure | None:
        if status := self._refused_by_proxy():
            return refused(status)
        handle = self.handle
        error = CurlError(code, text, handle.getinfo(pycurl.OS_ERRNO), handle.getinfo(pycurl.SSL_VERIFYRESULT))
        if self._through_proxy and not self._let_through and not handle.getinfo(pycurl.HTTP_CONNECTCODE):
            return unreachable()
        if error.is_end_of_connection:
            return self._reader.at_the_end_of_the_connection()
        if self._reader.complete:
            return None
        return failure_of(error) or internal_error(RuntimeError(code))

    # --- libcurl's callbacks: whatever they raise ends the transfer ---------------------------------

    def _read(self, size: int) -> bytes:
        start = self._sent
        self._sent += size
        return self._body[start : self._sent]

    def _open_socket(self, purpose: int, address: pycurl.CurlSockAddr) -> Any:
        """The guard's last word on new connections: to the addresses that were judged, and no others (S12)."""
        try:
            host, port = str(address.addr[0]), address.addr[1]
            if host not in self._peers:
                self._refuse(host)
                return pycurl.SOCKET_BAD
            if self._let_through:
                self._refuse_to_repeat()
                return pycurl.SOCKET_BAD
            opened = _Descriptor(socket.socket(address.family, address.socktype, address.protocol).detach())
            # libcurl connects on its own: hooks hear of it as they do of Python's sockets.
            sys.audit("socket.connect", opened, (host, port))
            self._connected = True
            return opened
        except Exception as error:  # noqa: BLE001
            self._failure = internal_error(error)
            return pycurl.SOCKET_BAD

    def _before_request(self, peer: str, local: str, peer_port: int, local_port: int) -> int:
        """The guard's last word on every connection, kept ones too."""
        self._local = local, local_port
        if self._unusable and self._local in self._unusable:
            if not self._connected:
                self._stale = True
                return pycurl.PREREQFUNC_ABORT
            self._unusable.discard(self._local)  # of a connection before this one
        if peer not in self._peers:
            self._refuse(peer)
        if self._let_through:
            self._refuse_to_repeat()
        self._let_through = True
        return pycurl.PREREQFUNC_ABORT if self._failure else pycurl.PREREQFUNC_OK

    def _refuse(self, address: str) -> None:
        self._failure = Failure(
            ErrorCode.BLOCKED_ADDRESS, f"Nothing was sent: {address} is not an address that was judged."
        )

    def _refuse_to_repeat(self) -> None:
        """libcurl repeats a request where a kept connection broke under it, if it has no body to rewind."""
        self._failure = failure(ErrorCode.CONNECTION_RESET)


class _Descriptor:
    """A socket for pycurl, which copies it; this one is closed as soon as pycurl lets go of it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number

    def __del__(self) -> None:
        os.close(self._number)


def _refuse_to_rewind(offset: int, origin: int) -> int:
    """The body has gone out once, and may have been read: it does not go out again."""
    return pycurl.SEEKFUNC_FAIL


def _header_lines(constant: Headers, headers: Headers) -> list[str | bytes]:
    """For libcurl, which sends what it gets. Raises ValueError."""
    check_headers(headers)
    return [*_constant_lines(constant), *[_line(name, value) for name, value in headers]]


@lru_cache(_REMEMBERED_HEADERS)
def _constant_lines(headers: Headers) -> tuple[str | bytes, ...]:
    check_headers(headers)
    # Without a value: libcurl leaves out what it would add itself.
    lines: list[str | bytes] = ["Accept:", "Expect:", "Accept-Encoding: identity"]
    lines += [_line(name, value) for name, value in headers]
    if not any(name.lower() == "content-type" for name, _ in headers):
        lines.append("Content-Type:")
    return tuple(lines)


def _line(name: str, value: str) -> str | bytes:
    # The semicolon is libcurl's way to send a header without a value.
    line = f"{name}: {value}" if value.strip(" \t") else f"{name};"
    return line if line.isascii() else line.encode()
