"""The platform key in `Authorization: Bearer sk_platform_…`, and nothing else (S30, S36)."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from webhooks.platform_keys import is_platform_key

NO_KEY = "Give a platform key in the header: Authorization: Bearer sk_platform_…"
BAD_KEY = "This is no platform key that the operator of this service has set."


class PlatformKeyAuthentication(BaseAuthentication):
    """There is neither user nor app. Raises AuthenticationFailed (401)."""

    def authenticate(self, request: Request) -> tuple[None, None]:
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(NO_KEY)
        if not is_platform_key(text.strip(" ")):
            raise AuthenticationFailed(BAD_KEY)
        return None, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class PlatformKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document tells of it."""

    target_class = PlatformKeyAuthentication
    name = "platformKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A platform key, `sk_platform_…`, of Switera's own services. The operator sets its hash.",
        }
