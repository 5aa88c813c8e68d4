"""Where mail services say what became of mails: django-anymail's views, for those who know the secret.

As these views come, whoever does not know it costs the log a traceback a post, with words of the caller's choosing and,
for some services, the credentials that were tried. Here that is one line which quotes nothing.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from anymail import urls
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.utils import get_request_basic_auth
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.crypto import constant_time_compare

from switera_webhooks.middleware import client_address

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]


def _for_mail_services(route: URLPattern) -> URLPattern:
    """The same route; a post without the secret, or badly signed, is refused before anything of it is read."""
    view: View = route.callback

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if request.method == "POST" and not _knows_secret(request):
                return _refused(request, route, "the user and password of its URL are not ANYMAIL_WEBHOOK_SECRET")
            return view(request, *args, **kwargs)
        except AnymailWebhookValidationFailure:  # its text quotes the request
            return _refused(request, route, "it is not signed as the mail service signs")

    return URLPattern(route.pattern, answer, route.default_args, route.name)


def _knows_secret(request: HttpRequest) -> bool:
    return constant_time_compare(get_request_basic_auth(request) or "", settings.ANYMAIL["WEBHOOK_SECRET"])


def _refused(request: HttpRequest, route: URLPattern, why: str) -> HttpResponse:
    logger.warning("Refused a post to %s from %s: %s.", route.name, client_address(request), why)
    return HttpResponse("The secret or the signature is missing or wrong.\n", "text/plain", status=400)


app_name = "anymail"
urlpatterns = [_for_mail_services(route) for route in urls.urlpatterns]
