"""What every request passes through: whom to believe about the client, and headers that protect pages."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Next = Callable[[HttpRequest], HttpResponse]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def _is_trusted(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in settings.TRUSTED_PROXIES)


def _client(forwarded_for: str) -> str | None:
    """The last address of X-Forwarded-For that no trusted proxy of ours put there."""
    for part in reversed([part.strip() for part in forwarded_for.split(",")]):
        try:
            ipaddress.ip_address(part)
        except ValueError:
            return None
        if not _is_trusted(part):
            return part
    return None


def client_address(request: HttpRequest) -> str | None:
    """Who asks, once `trusted_proxies` has seen to it; what sign-in attempts are counted by (S38)."""
    return request.META.get("REMOTE_ADDR") or None


def trusted_proxies(get_response: Next) -> Next:
    """Believes X-Forwarded-For and X-Forwarded-Proto from TRUSTED_PROXIES, and from nobody else."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.TRUSTED_PROXIES and _is_trusted(request.META.get("REMOTE_ADDR", "")):
            client = _client(request.META.get("HTTP_X_FORWARDED_FOR", ""))
            if client is not None:
                request.META["REMOTE_ADDR"] = client
        else:
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        return get_response(request)

    return middleware


def security_headers(get_response: Next) -> Next:
    """A Content-Security-Policy without unsafe-inline or unsafe-eval on every answer (S35)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    return middleware
