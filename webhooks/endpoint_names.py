"""What endpoints are called where several are shown: those of the same name are told apart."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from urllib.parse import urlsplit

from webhooks.models import Endpoint

# So much of a path, and of an id, is enough to see which one is meant.
_PATH_LENGTH = 40
_ID_LENGTH = 6


def endpoint_names(endpoints: Iterable[Endpoint]) -> dict[uuid.UUID, str]:
    """The name of each, else its URL; to those that would be called the same, what differs is added.

    That is the host, the path or both; where nothing of the address differs, the end of the id.
    """
    given = list(endpoints)
    names = {endpoint.pk: str(endpoint) for endpoint in given}
    for alike in _alike(given, str):
        names |= {key: f"{names[key]} · {text}" for key, text in _difference(alike, _host, _path, _address).items()}
    return names


def endpoint_hosts(endpoints: Iterable[Endpoint]) -> dict[uuid.UUID, str]:
    """What stands beside the name of each: its host, of one without a name nothing; to those that would still look
    the same, what differs is added.
    """
    given = list(endpoints)
    hosts = {endpoint.pk: _host(endpoint) if endpoint.name else "" for endpoint in given}
    for alike in _alike(given, lambda endpoint: (str(endpoint), hosts[endpoint.pk])):
        for key, text in _difference(alike, _path).items():
            hosts[key] = hosts[key] + text if text.startswith("/") else f"{hosts[key]} {text}".strip()
    return hosts


def _alike(endpoints: Iterable[Endpoint], look: Callable[[Endpoint], Hashable]) -> list[list[Endpoint]]:
    """Those that look the same, where there is more than one."""
    groups: defaultdict[Hashable, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        groups[look(endpoint)].append(endpoint)
    return [group for group in groups.values() if len(group) > 1]


def _difference(alike: list[Endpoint], *says: Callable[[Endpoint], str]) -> Mapping[uuid.UUID, str]:
    """The first thing to say that differs in all of them, else the end of their ids."""
    for say in says:
        texts = {endpoint.pk: say(endpoint) for endpoint in alike}
        if len(set(texts.values())) == len(alike):
            return texts
    return {endpoint.pk: f"…{endpoint.public_id[-_ID_LENGTH:]}" for endpoint in alike}


def _host(endpoint: Endpoint) -> str:
    return urlsplit(endpoint.url).netloc


def _path(endpoint: Endpoint) -> str:
    path = urlsplit(endpoint.url).path or "/"
    return path if len(path) <= _PATH_LENGTH else f"…{path[1 - _PATH_LENGTH :]}"


def _address(endpoint: Endpoint) -> str:
    return _host(endpoint) + _path(endpoint)
