"""From a URL to the addresses that a request may go to: parsed, looked up, judged (security.md S1 to S12)."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache

from webhooks.destinations.address_guard import IPAddress
from webhooks.destinations.endpoint_url import EndpointUrl, UrlPolicy, http_refused, parse_endpoint_url
from webhooks.destinations.name_lookup import LookupAnswer, LookupFailed, LookupTimedOut, NameLookup
from webhooks.destinations.refusals import UrlProblem, UrlRefused

ACCEPTANCE_LOOKUP_SECONDS = 2.0  # S15
_REMEMBERED_URLS = 16_384


@dataclass(frozen=True, slots=True)
class AcceptedUrl:
    """`url` is the form to store; `warning` is a sentence for the person who gave it, or None."""

    url: str
    warning: str | None


@dataclass(frozen=True, slots=True, eq=False)
class JudgedDestination:
    """Where a request goes: connect to these addresses only, in this order; Host and SNI stay the name.

    Equal to itself alone, so that what follows from one is quickly found again.
    """

    url: EndpointUrl
    addresses: tuple[IPAddress, ...]


class PendingDestination:
    """A destination whose name is being looked up, for callers that cannot wait for it."""

    def __init__(self, url: str, host: str, answer: Future[LookupAnswer], judge: "DestinationJudge") -> None:
        self._url = url
        self._host = host
        self._answer = answer
        self._judge = judge

    def when_known(self, tell: Callable[[], None]) -> None:
        """Call `tell` once the answer is there, be it at once; from any thread."""
        self._answer.add_done_callback(lambda _: tell())

    def destination(self) -> JudgedDestination:
        """The judgement, once it is known. Raises UrlRefused and LookupFailed."""
        return self._judge.judged(self._url, self._answer.result(0))

    def timed_out(self, seconds: float) -> LookupTimedOut:
        """What to record when the caller has waited long enough."""
        return LookupTimedOut(self._host, seconds)


class DestinationJudge:
    """Decides about destinations, when a URL is accepted and before every attempt."""

    def __init__(self, policy: UrlPolicy, lookup: NameLookup) -> None:
        self._policy = policy
        self._lookup = lookup
        # Neither changes while the policy stands, and a sender asks at every attempt.
        self._parsed = lru_cache(_REMEMBERED_URLS)(self._parse)
        self.judged = lru_cache(_REMEMBERED_URLS)(self._judged)

    def accept(self, text: str) -> AcceptedUrl:
        """Judge a URL that somebody wants to save. Raises UrlRefused; waits 2 s at most."""
        url = self._parse(text)
        if not url.address:
            try:
                self._check_addresses(url, self._lookup.addresses(url.host, ACCEPTANCE_LOOKUP_SECONDS))
            except LookupFailed as failure:
                return AcceptedUrl(url.url, f"{failure} Deliveries fail until it resolves.")
        return AcceptedUrl(url.url, None)

    def judge(self, url: str, lookup_timeout: float) -> JudgedDestination:
        """Judge a saved URL before an attempt; a look-up may take `lookup_timeout` seconds.

        Raises UrlRefused (nothing may be sent) and LookupFailed.
        """
        parsed = self._parsed(url)
        if parsed.address:
            return self.judged(url, None)
        return self.judged(url, self._lookup.answer(parsed.host, lookup_timeout))

    def begin(self, url: str, lookup_timeout: float) -> JudgedDestination | PendingDestination:
        """The same without waiting: the judgement where the name's addresses are known, else one to come.

        Raises UrlRefused and LookupFailed, and RuntimeError when the system has no more threads.
        """
        parsed = self._parsed(url)
        if parsed.address:
            return self.judged(url, None)
        answer = self._lookup.remembered(parsed.host)
        if answer is None:
            return PendingDestination(url, parsed.host, self._lookup.begin(parsed.host, lookup_timeout), self)
        return self.judged(url, answer)

    def _judged(self, url: str, answer: LookupAnswer | None) -> JudgedDestination:
        """A saved URL with the answer for its name, or None for an address, which the parser has judged."""
        parsed = self._parsed(url)
        if parsed.address:
            return JudgedDestination(parsed, (parsed.address,))
        addresses = answer.get() if answer else ()
        self._check_addresses(parsed, addresses)
        return JudgedDestination(parsed, addresses)

    def _parse(self, url: str) -> EndpointUrl:
        return parse_endpoint_url(url, self._policy)

    def _check_addresses(self, url: EndpointUrl, addresses: tuple[IPAddress, ...]) -> None:
        """S11: one bad answer refuses them all."""
        for address in addresses:
            verdict = self._policy.guard.judge(address)
            if not verdict.allowed:
                raise UrlRefused(UrlProblem.ADDRESS, f"{url.host} leads where no request may go: {verdict.reason}.")
            if url.scheme == "http" and not self._policy.guard.in_allowed_networks(address):
                raise http_refused(address)
