"""The host of a URL in one canonical form: an ASCII name or an IP address, however spelled (S4, S5, S7)."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from webhooks.destinations.address_guard import IPAddress, unwrap
from webhooks.destinations.refusals import UrlProblem, UrlRefused

MAX_NAME_LENGTH = 253  # RFC 1035, section 2.3.4, without the trailing dot
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LOCAL_SUFFIXES = (".local", ".internal", ".localhost", ".home.arpa")


def canonical_host(text: str) -> str | IPAddress:
    """The host as it stands in a URL, brackets included, as an IP address or an ASCII name in lower case.

    Follows the URL standard where it says which names are addresses ("ends in a number"), so that whatever
    any resolver would read as an address is judged as that address. Raises UrlRefused.
    """
    if "%" in text:
        raise _refused("Write the host without percent signs: no escapes and no IPv6 zone.")
    if text.startswith("["):
        return _bracketed_address(text)
    name = _mapped(text).removesuffix(".")
    if not name:
        raise _refused("Add a host to the URL, such as https://hooks.example.com/path.")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _numeric_address(labels)
    return _public_name([_ascii_label(label) for label in labels])


def _bracketed_address(text: str) -> IPAddress:
    try:
        return unwrap(IPv6Address(text.removeprefix("[").removesuffix("]")))
    except AddressValueError:
        raise _refused("Write an IPv6 address in the brackets, such as [2606:4700::1111].") from None


def _mapped(text: str) -> str:
    """UTS 46's mapping: lower case, full-width and circled characters to plain ones, every dot to `.`."""
    if text.isascii():
        return text.lower()
    try:
        return idna.uts46_remap(text, std3_rules=True, transitional=False)
    except idna.IDNAError:
        raise _invalid_name() from None


def _numeric_address(labels: list[str]) -> IPv4Address:
    """IPv4 in every spelling of inet_aton: 1 to 4 parts, each decimal, octal (0…) or hexadecimal (0x…)."""
    malformed = _refused("Write an IPv4 address as four decimal numbers, such as 93.184.215.14.")
    if len(labels) > 4:
        raise malformed
    numbers = []
    for label in labels:
        if not _NUMBER.fullmatch(label):
            raise malformed
        try:
            numbers.append(_number(label))
        except ValueError:
            raise malformed from None
    *leading, last = numbers
    if any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        raise malformed
    value = last
    for position, number in enumerate(leading):
        value += number << (8 * (3 - position))
    return IPv4Address(value)


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label.removeprefix("0x") or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _ascii_label(label: str) -> str:
    """A label in its ASCII form (IDNA 2008); an ASCII one needs letters, digits and inner hyphens only."""
    if label.isascii() and not label.startswith("xn--"):
        if not _LABEL.fullmatch(label):
            raise _invalid_name()
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        raise _invalid_name() from None


def _public_name(labels: list[str]) -> str:
    name = ".".join(labels)
    if len(name) > MAX_NAME_LENGTH:
        raise _refused(f"Shorten the host name to {MAX_NAME_LENGTH} characters.")
    if len(labels) == 1:
        raise UrlRefused(
            UrlProblem.LOCAL_NAME,
            f"{name} is no public host name: use one with a domain, such as example.com.",
        )
    if f".{name}".endswith(_LOCAL_SUFFIXES):
        raise UrlRefused(UrlProblem.LOCAL_NAME, f"{name} exists in local networks only: use a public host name.")
    return name


def _invalid_name() -> UrlRefused:
    return _refused("The host is no valid name: use letters, digits and hyphens between dots.")


def _refused(message: str) -> UrlRefused:
    return UrlRefused(UrlProblem.HOST, message)
