"""Senders for tests: every kind there is, allowed to send to loopback."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import Protocol
from uuid import UUID

from deliveries.transport.egress_proxy import EgressProxy
from deliveries.transport.requests_sender import RequestsSender
from deliveries.transport.sender import OutboundRequest, Outcome, Sender
from deliveries.transport.tls import client_context
from switera_webhooks.environment import Proxy
from webhooks.destinations.address_guard import AddressGuard, IPAddress
from webhooks.destinations.endpoint_url import UrlPolicy
from webhooks.destinations.judge import DestinationJudge
from webhooks.destinations.name_lookup import NameLookup

APP = UUID("0198f3a0-0000-7000-8000-000000000001")
OTHER_APP = UUID("0198f3a0-0000-7000-8000-000000000002")
BODY = b'{"id":"evt_1","type":"order.paid","data":{"total":"12 \xe2\x82\xac"}}'
HEADERS = (("content-type", "application/json"), ("user-agent", "Switera-Webhooks/0"), ("webhook-id", "evt_1"))

Resolve = Callable[[str], Sequence[IPAddress]]


def to_loopback(name: str) -> Sequence[IPAddress]:
    """A resolver: `….example` is on this machine, anything else does not exist."""
    if not name.endswith(".example"):
        raise OSError(-2, "No such name")
    return [ip_address("127.0.0.1")]


def judge(resolve: Resolve = to_loopback, *, denied: str = "", own_hosts: tuple[str, ...] = ()) -> DestinationJudge:
    """A judge that allows 127.0.0.0/8 and ::1, by http too, at any port."""
    guard = AddressGuard(
        allowed=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        denied=(ip_network(denied),) if denied else (),
    )
    policy = UrlPolicy(guard, allow_http=True, allowed_ports=None, own_hosts=own_hosts, development=False)
    return DestinationJudge(policy, NameLookup(resolve))


# Reading certifi's authorities takes some 20 ms.
_context = cache(client_context)


class MakeSender(Protocol):
    """Makes a sender of one kind, which allows what the judge does."""

    def __call__(
        self, judge: DestinationJudge, *, ca_bundle: str = "", slots: int = 16, proxy: Proxy | None = None
    ) -> Sender: ...


def resolve_proxy(name: str) -> Sequence[IPAddress]:
    """A resolver for proxies; a test may set another."""
    raise OSError(-2, "No such name")


def _egress_proxy(proxy: Proxy | None) -> EgressProxy | None:
    return EgressProxy(proxy, NameLookup(lambda name: resolve_proxy(name))) if proxy else None


def requests_sender(
    judge: DestinationJudge, *, ca_bundle: str = "", slots: int = 16, proxy: Proxy | None = None
) -> Sender:
    return RequestsSender(judge, _context(ca_bundle), slots, proxy=_egress_proxy(proxy))


def curl_sender(judge: DestinationJudge, *, ca_bundle: str = "", slots: int = 16, proxy: Proxy | None = None) -> Sender:
    from deliveries.transport.curl_sender import CurlSender

    return CurlSender(judge, ca_bundle, slots, proxy=_egress_proxy(proxy))


KINDS: dict[str, MakeSender] = {"requests": requests_sender}
if find_spec("pycurl"):  # not every machine has a wheel for it
    KINDS["curl"] = curl_sender


def request(
    url: str,
    *,
    token: object = None,
    app_id: UUID = APP,
    headers: tuple[tuple[str, str], ...] = HEADERS,
    body: bytes = BODY,
    timeout: float = 5.0,
) -> OutboundRequest:
    return OutboundRequest(token, app_id, url, headers, body, timeout)


def send(sender: Sender, *requests: OutboundRequest) -> list[Outcome]:
    """Send them at once; the outcomes in the order of the requests."""
    for each in requests:
        sender.start(each)
    outcomes: list[Outcome] = []
    while sender.in_flight():
        outcomes += sender.finished(wait=10, at_least=len(requests))
    order = [each.token for each in requests]
    return sorted(outcomes, key=lambda outcome: order.index(outcome.token))


def send_one(sender: Sender, request: OutboundRequest) -> Outcome:
    (outcome,) = send(sender, request)
    return outcome
