"""Who asks: the API key in `Authorization: Bearer sk_…`. No cookie and no session has a say (S30, S36)."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from webhooks.api.bearer import BearerAuthentication, bearer_scheme
from webhooks.api_keys import find_api_key
from webhooks.models import ApiKey

NO_KEY = "Give an API key in the header: Authorization: Bearer sk_…"
BAD_KEY = "This API key is malformed, unknown, revoked or expired: use a current key of the app."


class ApiKeyAuthentication(BearerAuthentication):
    """`request.auth` is the ApiKey; there is no user. Raises AuthenticationFailed (401)."""

    no_key = NO_KEY

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        key = find_api_key(self.given_key(request))
        if key is None:
            raise AuthenticationFailed(BAD_KEY)
        return None, key


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document tells of it."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return bearer_scheme(
            "An API key of the app, `sk_live_…` or `sk_test_…`. It decides the environment of what it creates and sees."
        )
