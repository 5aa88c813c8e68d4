"""The sender that the settings describe."""

from django.conf import settings

from deliveries.transport.requests_sender import RequestsSender
from deliveries.transport.sender import Sender
from deliveries.transport.tls import client_context
from webhooks.destinations.acceptance import configured_judge


def make_sender() -> Sender:
    """A new sender, which the caller closes. Raises ValueError for an unreadable CA bundle."""
    return RequestsSender(configured_judge(), client_context(settings.WEBHOOKS_CA_BUNDLE))
