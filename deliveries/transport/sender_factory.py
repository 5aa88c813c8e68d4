"""The sender that the settings describe."""

import logging
import select
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from deliveries.transport.egress_proxy import EgressProxy
from deliveries.transport.open_files import affordable_slots
from deliveries.transport.requests_sender import RequestsSender
from deliveries.transport.sender import Sender
from deliveries.transport.tls import client_context
from webhooks.destinations.acceptance import configured_judge
from webhooks.destinations.name_lookup import NameLookup

logger = logging.getLogger(__name__)


def make_sender() -> Sender:
    """A new sender, which the caller closes.

    Raises ValueError for an unreadable CA bundle, and ImproperlyConfigured where WEBHOOKS_TRANSPORT asks for what
    is not installed.
    """
    proxy = EgressProxy(settings.WEBHOOKS_EGRESS_PROXY, NameLookup()) if settings.WEBHOOKS_EGRESS_PROXY else None
    if settings.WEBHOOKS_TRANSPORT != "requests" and _curl_works():
        # Imported where pycurl is known to be there.
        from deliveries.transport.curl_sender import DEFAULT_SLOTS, CurlSender

        slots = affordable_slots(DEFAULT_SLOTS)
        return CurlSender(configured_judge(), settings.WEBHOOKS_CA_BUNDLE, slots, proxy=proxy)
    if settings.WEBHOOKS_TRANSPORT == "curl":
        raise ImproperlyConfigured("WEBHOOKS_TRANSPORT is curl, but pycurl does not work here: set it to auto.")
    return RequestsSender(configured_judge(), client_context(settings.WEBHOOKS_CA_BUNDLE), proxy=proxy)


@cache
def _curl_works() -> bool:
    """Whether pycurl is installed, on a system with what its event loop needs; once a process, the log says if not."""
    try:
        import pycurl  # noqa: F401
    except ImportError as error:
        problem = str(error)
    else:
        if hasattr(select, "epoll"):
            return True
        problem = "this system has no epoll"
    logger.warning("Requests leave through `requests`, which is slower than libcurl: pycurl is no use (%s).", problem)
    return False
