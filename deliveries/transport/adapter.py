"""requests' HTTPAdapter, with what it would decide itself (address, connection, verification) decided here.

No Session: no proxies or .netrc of the environment, no cookies, no redirects (S13, S15), a third of the CPU.
"""

import ssl
from functools import lru_cache
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import SKIP_HEADER

from deliveries.transport.connections import (
    CurrentAttempt,
    HttpsToJudged,
    HttpToJudged,
    Origin,
    current_attempt,
)
from deliveries.transport.headers import check_headers
from deliveries.transport.kept_connections import KeptConnections
from deliveries.transport.sender import OutboundRequest

_REMEMBERED_ORIGINS = 1_024
_EXTRA_SOCKET_SECONDS = 1.0


class _Pool(HTTPConnectionPool):
    """urllib3's idea of an origin; its connections are kept elsewhere, bounded over all origins."""

    ConnectionCls = HttpToJudged
    origin: Origin
    kept: KeptConnections

    def _get_conn(self, timeout: float | None = None) -> Any:
        attempt = current_attempt.get()
        connection = self.kept.take(self.origin, attempt.addresses)
        if connection is None:
            return self._new_conn()
        try:
            attempt.clock.watch(connection.sock)
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None and conn.sock is not None:
            self.kept.keep(self.origin, conn)


class _TlsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = HttpsToJudged


class JudgedAdapter(HTTPAdapter):
    """Sends to the addresses of the current attempt; safe to share between threads."""

    def __init__(self, kept: KeptConnections, context: ssl.SSLContext) -> None:
        super().__init__(max_retries=0)
        self._kept = kept
        self._context = context
        # A pool holds no connections, so that one may be forgotten at any time.
        self._pool = lru_cache(_REMEMBERED_ORIGINS)(self._new_pool)

    def post(self, request: OutboundRequest, attempt: CurrentAttempt) -> HTTPResponse:
        """Send the request and read the head of the answer; the body is the caller's to read.

        Raises what requests and urllib3 raise, and ValueError for headers that are none.
        """
        given = (*request.constant_headers, *request.headers)
        check_headers(given)
        prepared = PreparedRequest()
        prepared.method = "POST"
        prepared.url = request.url
        prepared.body = request.body
        # Values beyond ASCII go out in UTF-8; http.client would take Latin-1, or fail.
        headers: dict[str, Any] = {name: value if value.isascii() else value.encode() for name, value in given}
        headers["Content-Length"] = str(len(request.body))
        if not any(name.lower() == "user-agent" for name in headers):
            headers["User-Agent"] = SKIP_HEADER  # or urllib3 adds one
        prepared.headers = headers  # type: ignore[assignment]  # a plain dictionary does, and is faster
        current_attempt.set(attempt)
        # The wall clock ends an attempt. The time-out of socket operations only makes sure of it.
        timeout = attempt.clock.remaining() + _EXTRA_SOCKET_SECONDS
        response: Any = self.send(prepared, stream=True, timeout=timeout)
        return response  # type: ignore[no-any-return]

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        return self._pool(current_attempt.get().origin)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """The context verifies, always (S14)."""

    def request_url(self, *args: Any, **kwargs: Any) -> str:
        return current_attempt.get().target

    def build_response(self, req: PreparedRequest, resp: Any) -> Any:
        """The answer as urllib3 has it: what requests would add (encoding, cookies) has no use here."""
        return resp

    def _new_pool(self, origin: Origin) -> _Pool:
        if origin.scheme == "https":
            pool: _Pool = _TlsPool(origin.host, origin.port, cert_reqs="CERT_REQUIRED", ssl_context=self._context)
        else:
            pool = _Pool(origin.host, origin.port)
        pool.origin = origin
        pool.kept = self._kept
        return pool
