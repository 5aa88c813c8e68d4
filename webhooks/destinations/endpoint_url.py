"""An endpoint's URL: parsed strictly, refused in one sentence, kept in one ASCII form (security.md S1 to S8).

It is read by RFC 3986 and nothing more forgiving: no two programs that see the stored form disagree about its
host. `urllib.parse.urlsplit` is not used: it drops tabs and newlines, and reads past backslashes.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote

from webhooks.destinations.address_guard import AddressGuard, IPAddress, unwrap
from webhooks.destinations.host_names import canonical_host
from webhooks.destinations.refusals import UrlProblem, UrlRefused

MAX_URL_LENGTH = 2_048  # characters
Scheme = Literal["https", "http"]
DEFAULT_PORTS: dict[Scheme, int] = {"https": 443, "http": 80}

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
# Joiners belong to some scripts' words (RFC 5892, appendix A); IDNA checks their place in a name.
_JOINERS = "\u200c\u200d"
_REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """What this installation accepts. `allowed_ports` are beside 443, None is any port.

    `own_hosts` are Django's ALLOWED_HOSTS: a name, an address, or `.example.com` with all below it. They are
    fine as destinations in development.
    """

    guard: AddressGuard
    allow_http: bool
    allowed_ports: frozenset[int] | None
    own_hosts: tuple[str, ...]
    development: bool


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """`url` is the stored ASCII form, `host` an ASCII name or canonical IP text without brackets.

    `address` is the host where it is an IP address, `target` what the request line asks for.
    """

    url: str
    scheme: Scheme
    host: str
    port: int
    address: IPAddress | None
    target: str


def parse_endpoint_url(text: str, policy: UrlPolicy) -> EndpointUrl:
    """Parse and check everything that needs no name look-up. Parsing a stored form gives the same again.

    Raises UrlRefused.
    """
    if len(text) > MAX_URL_LENGTH:
        raise UrlRefused(UrlProblem.TOO_LONG, f"Shorten the URL to {MAX_URL_LENGTH:,} characters.")
    _check_characters(text)
    match = _URL.fullmatch(text)
    if not match:
        raise UrlRefused(UrlProblem.MALFORMED, "Write the whole URL, such as https://hooks.example.com/path.")
    scheme = _checked_scheme(match[1].lower(), policy)
    if match[5] is not None:
        raise UrlRefused(UrlProblem.FRAGMENT, "Remove the fragment (from # on): it is never sent.")
    host, port = _split_authority(match[2], scheme)
    _check_port(port, policy)
    address = None if isinstance(host, str) else host
    if address:
        _check_address(address, scheme, policy)
    if not policy.development and _is_own_host(str(host), policy.own_hosts):
        raise UrlRefused(UrlProblem.OWN_HOST, f"{host} is this service itself: use the receiver's host.")
    netloc = f"[{host}]" if address and address.version == 6 else str(host)
    if port != DEFAULT_PORTS[scheme]:
        netloc += f":{port}"
    path, query = _escaped(match[3]), _escaped(match[4] or "")
    url = f"{scheme}://{netloc}{path}{query}"
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefused(UrlProblem.TOO_LONG, f"Shorten the URL to {MAX_URL_LENGTH:,} characters, escapes counted.")
    return EndpointUrl(url, scheme, str(host), port, address, (path or "/") + query)


def _check_characters(text: str) -> None:
    """S2: refused, never stripped. Beyond ASCII too: an invisible character misleads readers."""
    if "\\" in text or any(
        unicodedata.category(character) in _REFUSED_CATEGORIES and character not in _JOINERS for character in text
    ):
        raise UrlRefused(
            UrlProblem.CHARACTERS,
            "Remove spaces, line breaks, backslashes and invisible characters, also at the ends.",
        )


def _checked_scheme(scheme: str, policy: UrlPolicy) -> Scheme:
    if scheme == "https" or (scheme == "http" and policy.allow_http):
        return cast(Scheme, scheme)
    raise UrlRefused(UrlProblem.SCHEME, "Use an https:// URL.")


def _split_authority(authority: str, scheme: Scheme) -> tuple[str | IPAddress, int]:
    if "@" in authority:
        raise UrlRefused(
            UrlProblem.USERINFO, "Remove the user name and password: a custom header can carry a credential."
        )
    match = _AUTHORITY.fullmatch(authority)
    if not match:
        raise UrlRefused(UrlProblem.HOST, "Write the host as a name, an IPv4 address, or an IPv6 address in brackets.")
    if match[2] is None:
        return canonical_host(match[1]), DEFAULT_PORTS[scheme]
    # Leading zeros and a lone colon are legal; they are spellings nobody needs.
    if not 1 <= len(match[2]) <= 5 or match[2].startswith("0") or int(match[2]) > 65_535:
        raise UrlRefused(UrlProblem.PORT, "The port must be a number from 1 to 65535.")
    return canonical_host(match[1]), int(match[2])


def _check_port(port: int, policy: UrlPolicy) -> None:
    if policy.allowed_ports is None or port == 443 or port in policy.allowed_ports:
        return
    ports = ", ".join(str(number) for number in sorted({443, *policy.allowed_ports}))
    raise UrlRefused(UrlProblem.PORT, f"Port {port} is not open for deliveries: use {ports}.")


def _check_address(address: IPAddress, scheme: Scheme, policy: UrlPolicy) -> None:
    verdict = policy.guard.judge(address)
    if not verdict.allowed:
        raise UrlRefused(UrlProblem.ADDRESS, f"{verdict.reason}: use a public address.")
    if scheme == "http" and not policy.guard.in_allowed_networks(address):
        raise http_refused(address)


def http_refused(address: IPAddress) -> UrlRefused:
    """S1: plain HTTP goes to the operator's own networks only."""
    return UrlRefused(
        UrlProblem.SCHEME, f"Use an https:// URL: {unwrap(address)} is in no network that http is allowed to."
    )


def _is_own_host(host: str, own_hosts: tuple[str, ...]) -> bool:
    for pattern in own_hosts:
        own = pattern.lower().strip("[]").removesuffix(".")
        if host == own.removeprefix(".") or (own.startswith(".") and host.endswith(own)):
            return True
    return False


def _escaped(text: str) -> str:
    """Path or query in ASCII: what RFC 3986 has no place for is escaped (UTF-8, upper case)."""
    text = _ESCAPE.sub(lambda match: match[0].upper() if match[1] else "%25", text)
    return quote(text, safe="%/?:@!$&'()*+,;=-._~")
