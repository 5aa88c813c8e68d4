"""The judge that the settings describe, and the check that every way of saving a URL goes through."""

import os
from functools import lru_cache

from django.conf import settings

from webhooks.destinations.address_guard import AddressGuard, IPNetwork
from webhooks.destinations.endpoint_url import UrlPolicy
from webhooks.destinations.judge import AcceptedUrl, DestinationJudge
from webhooks.destinations.name_lookup import NameLookup


def check_endpoint_url(text: str) -> AcceptedUrl:
    """Judge a URL that somebody wants to save (create, update, command line). Raises UrlRefused.

    A name that does not resolve within 2 s is accepted with a warning (S5).
    """
    return configured_judge().accept(text)


def configured_judge() -> DestinationJudge:
    """The judge by the settings as they are now, one a process: senders and forms share its look-ups."""
    return _judge(
        settings.WEBHOOKS_ALLOWED_PRIVATE_NETWORKS,
        settings.WEBHOOKS_DENIED_NETWORKS,
        settings.WEBHOOKS_ALLOW_HTTP,
        settings.WEBHOOKS_ALLOWED_PORTS,
        tuple(settings.ALLOWED_HOSTS),
        settings.DEBUG,
    )


@lru_cache(maxsize=1)
def _judge(
    allowed: tuple[IPNetwork, ...],
    denied: tuple[IPNetwork, ...],
    allow_http: bool,
    allowed_ports: frozenset[int] | None,
    own_hosts: tuple[str, ...],
    development: bool,
) -> DestinationJudge:
    guard = AddressGuard(allowed, denied)
    policy = UrlPolicy(guard, allow_http, allowed_ports, own_hosts, development)
    return DestinationJudge(policy, NameLookup())


# Threads of a look-up do not live on in a forked worker: it starts with a judge of its own.
os.register_at_fork(after_in_child=_judge.cache_clear)
