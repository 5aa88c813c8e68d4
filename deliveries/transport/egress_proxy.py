"""The operator's proxy that all requests leave through: asked, by CONNECT, for the address that the guard judged.

Its own name is looked up but not judged: it is the operator's, and may well be private.
"""

import base64
import logging
from collections.abc import Callable
from concurrent.futures import Future
from ipaddress import ip_address

from deliveries.error_codes import ErrorCode
from deliveries.transport.failures import Failure, failure
from switera_webhooks.environment import Proxy
from webhooks.destinations.address_guard import IPAddress
from webhooks.destinations.name_lookup import LookupAnswer, LookupFailed, LookupTimedOut, NameLookup

logger = logging.getLogger(__name__)


class ProxyNotFound(Exception):
    """The proxy's name has no address now, or none in time; the log says more than customers should know."""


class PendingProxy:
    """A proxy whose name is being looked up, for callers that cannot wait for it."""

    def __init__(self, host: str, answer: Future[LookupAnswer]) -> None:
        self._host = host
        self._answer = answer

    def when_known(self, tell: Callable[[], None]) -> None:
        """Call `tell` once the answer is there, be it at once; from any thread."""
        self._answer.add_done_callback(lambda _: tell())

    def addresses(self) -> tuple[IPAddress, ...]:
        """Where the proxy is, once it is known. Raises ProxyNotFound."""
        return _addresses(self._answer.result(0))

    def timed_out(self, seconds: float) -> ProxyNotFound:
        """What to record when the caller has waited long enough."""
        return _not_found(LookupTimedOut(self._host, seconds))


class EgressProxy:
    """Where the proxy is, and how it is spoken to; safe to share between threads."""

    def __init__(self, proxy: Proxy, lookup: NameLookup) -> None:
        self.port = proxy.port
        self.credentials = proxy.credentials
        self._host = proxy.host
        self._lookup = lookup
        try:
            self._address: IPAddress | None = ip_address(proxy.host)
        except ValueError:
            self._address = None

    def addresses(self, timeout: float) -> tuple[IPAddress, ...]:
        """Where the proxy is, waiting `timeout` seconds at most. Raises ProxyNotFound."""
        if self._address:
            return (self._address,)
        try:
            return self._lookup.addresses(self._host, timeout)
        except LookupFailed as failure:
            raise _not_found(failure) from None

    def begin(self, timeout: float) -> tuple[IPAddress, ...] | PendingProxy:
        """The same without waiting: the addresses where they are known, else some to come."""
        if self._address:
            return (self._address,)
        answer = self._lookup.remembered(self._host)
        return _addresses(answer) if answer else PendingProxy(self._host, self._lookup.begin(self._host, timeout))

    def request(self, address: IPAddress, port: int) -> bytes:
        """The CONNECT request for an address."""
        target = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.credentials:
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(self.credentials.encode()).decode('ascii')}")
        return "\r\n".join([*lines, "", ""]).encode()


def unreachable() -> Failure:
    return failure(ErrorCode.CONNECTION_REFUSED, "the egress proxy cannot be reached")


def refused(status: int) -> Failure:
    """The proxy answered, and made no connection."""
    return failure(ErrorCode.CONNECTION_REFUSED, f"the egress proxy answered {status}")


def _addresses(answer: LookupAnswer) -> tuple[IPAddress, ...]:
    try:
        return answer.get()
    except LookupFailed as failure:
        raise _not_found(failure) from None


def _not_found(failure: LookupFailed) -> ProxyNotFound:
    logger.warning("WEBHOOKS_EGRESS_PROXY: %s", failure)
    return ProxyNotFound()
