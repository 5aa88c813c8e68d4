"""The headers of a request, before they go out: what is none, or would be two, is not sent (security.md S24)."""

from functools import lru_cache

from deliveries.transport.sender import Headers

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_REMEMBERED = 1_024


def check_headers(headers: Headers) -> None:
    """Raises ValueError, which does not repeat them."""
    if not _are_tokens(tuple([name for name, _ in headers])):
        raise ValueError("A header's name is no token.")
    values = "".join([value for _, value in headers])
    if "\r" in values or "\n" in values or "\0" in values:
        raise ValueError("A header's value has a line break in it.")


@lru_cache(_REMEMBERED)
def _are_tokens(names: tuple[str, ...]) -> bool:
    return all(name and _TOKEN.issuperset(name) for name in names)
