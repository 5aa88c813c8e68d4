"""One request after the other through one of libcurl's handles, with nothing of its own choosing."""

import os
import socket
import sys
from typing import Any

import pycurl

from deliveries.error_codes import ErrorCode
from deliveries.transport.curl_answers import AnswerReader
from deliveries.transport.curl_failures import CurlError, failure_of
from deliveries.transport.curl_loop import CurlLoop
from deliveries.transport.curl_routes import Route
from deliveries.transport.failures import Failure, failure
from deliveries.transport.headers import check_headers
from deliveries.transport.heads import InvalidResponse
from deliveries.transport.outcomes import Record, internal_error, timed_out, verdict
from deliveries.transport.sender import IDLE_SECONDS, Headers
from webhooks.destinations.endpoint_url import EndpointUrl

_PROTOCOLS = {"https": pycurl.PROTO_HTTPS, "http": pycurl.PROTO_HTTP}


class Transfer:
    """An easy handle, made once and used for one attempt after the other.

    Nothing comes from the environment (S15), no redirect is followed (S13), certificates are verified (S14),
    a request is sent once.
    """

    def __init__(self, ca_file: str) -> None:
        self.handle = pycurl.Curl()
        self._reader = AnswerReader()
        self._route: Route
        self._loop: CurlLoop
        self._body = b""
        self._sent = 0
        self._url = self._scheme = ""
        self._fresh = False
        self._local = ("", 0)
        self._connected = self._let_through = False
        self.stale = False
        self._failure: Failure | None = None
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
            pycurl.NOPROXY: "*",
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
        for option, value in options.items():
            self.handle.setopt(option, value)

    def prepare(self, record: Record, url: EndpointUrl, route: Route, seconds: float, loop: CurlLoop) -> None:
        """Set the handle up for an attempt that has `seconds` left. Raises ValueError for headers that are none."""
        request = record.request
        self._reader.begin(record.answer)
        self._route = route
        self._loop = loop
        self._body = request.body
        self._sent = 0
        self._connected = self._let_through = self.stale = False
        self._failure = None
        set_option = self.handle.setopt
        if url.url != self._url:
            self._url = url.url
            set_option(pycurl.URL, url.url)
        if url.scheme != self._scheme:
            self._scheme = url.scheme
            set_option(pycurl.PROTOCOLS, _PROTOCOLS[url.scheme])
        if self._fresh:
            self._fresh = False
            set_option(pycurl.FRESH_CONNECT, 0)
        set_option(pycurl.RESOLVE, route.resolve)
        set_option(pycurl.CONNECT_TO, route.connect_to)
        set_option(pycurl.HTTPHEADER, _header_lines(request.headers))
        set_option(pycurl.POSTFIELDSIZE_LARGE, len(request.body))
        set_option(pycurl.TIMEOUT_MS, max(1, round(seconds * 1_000)))

    def renew(self, seconds: float) -> None:
        """Begin again on a new connection: the kept one was not usable, and nothing was sent on it."""
        self._connected = self._let_through = self.stale = False
        self._fresh = True
        self.handle.setopt(pycurl.FRESH_CONNECT, 1)
        self.handle.setopt(pycurl.TIMEOUT_MS, max(1, round(seconds * 1_000)))

    def failed(self, record: Record, code: int, text: str) -> Failure | None:
        """Why the attempt failed, by libcurl's code for the ended transfer; None for a success."""
        self._body = b""  # a handle may rest for long
        answer, reader = record.answer, self._reader
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
                self._loop.unusable.add(self._local)
        elif code == pycurl.E_OPERATION_TIMEDOUT:
            broken = timed_out(record.request)
        else:
            broken = self._broken(code, text)
        if broken and answer.status is not None:
            answer.truncated = True
        return verdict(answer, broken)

    def close(self) -> None:
        self.handle.close()

    def _broken(self, code: int, text: str) -> Failure | None:
        handle = self.handle
        error = CurlError(code, text, handle.getinfo(pycurl.OS_ERRNO), handle.getinfo(pycurl.SSL_VERIFYRESULT))
        if error.is_end_of_connection:
            return self._reader.at_the_end_of_the_connection()
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
            if host not in self._route.peers:
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
        unusable = self._loop.unusable
        if unusable and self._local in unusable:
            if not self._connected:
                self.stale = True
                return pycurl.PREREQFUNC_ABORT
            unusable.discard(self._local)  # of a connection before this one
        if peer not in self._route.peers:
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


def _header_lines(headers: Headers) -> list[str | bytes]:
    """For libcurl, which sends what it gets. Raises ValueError."""
    check_headers(headers)
    # Without a value: libcurl leaves out what it would add itself.
    lines: list[str | bytes] = ["Accept:", "Expect:", "Accept-Encoding: identity"]
    typed = False
    for name, value in headers:
        typed = typed or name.lower() == "content-type"
        # The semicolon is libcurl's way to send a header without a value.
        line = f"{name}: {value}" if value.strip(" \t") else f"{name};"
        lines.append(line if line.isascii() else line.encode())
    if not typed:
        lines.append("Content-Type:")
    return lines
