"""The platform key in `Authorization: Bearer sk_platform_…`, and nothing else (S30, S36)."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from webhooks.api.bearer import BearerAuthentication, bearer_scheme
from webhooks.platform_keys import is_platform_key

NO_KEY = "Give a platform key in the header: Authorization: Bearer sk_platform_…"
BAD_KEY = "This is no platform key that the operator of this service has set."


class PlatformKeyAuthentication(BearerAuthentication):
    """There is neither user nor app. Raises AuthenticationFailed (401)."""

    no_key = NO_KEY

    def authenticate(self, request: Request) -> tuple[None, None]:
        if not is_platform_key(self.given_key(request)):
            raise AuthenticationFailed(BAD_KEY)
        return None, None


class PlatformKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document tells of it."""

    target_class = PlatformKeyAuthentication
    name = "platformKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return bearer_scheme("A platform key, `sk_platform_…`, of Switera's own services. The operator sets its hash.")
