"""Who asks: the API key in `Authorization: Bearer sk_…`. No cookie and no session has a say (S30, S36)."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from webhooks.api_keys import find_api_key
from webhooks.models import ApiKey

NO_KEY = "Give an API key in the header: Authorization: Bearer sk_…"
BAD_KEY = "This API key is malformed, unknown, revoked or expired: use a current key of the app."


class ApiKeyAuthentication(BaseAuthentication):
    """`request.auth` is the ApiKey; there is no user. Raises AuthenticationFailed (401)."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(NO_KEY)
        key = find_api_key(text.strip(" "))
        if key is None:
            raise AuthenticationFailed(BAD_KEY)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document tells of it."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key of the app, `sk_live_…` or `sk_test_…`. It decides the environment of "
            "what it creates and sees.",
        }
