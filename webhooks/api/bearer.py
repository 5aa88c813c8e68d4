"""How a key is given, whatever its kind: in `Authorization: Bearer …`, and nowhere else (S36)."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class BearerAuthentication(BaseAuthentication):
    """Reads the text of a key; a subclass finds whose it is."""

    # What somebody reads who gave no key.
    no_key: str

    def given_key(self, request: Request) -> str:
        """The text behind "Bearer", whatever it is. Raises AuthenticationFailed (401)."""
        header: str = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(self.no_key)
        return text.strip(" ")

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def bearer_scheme(description: str) -> dict[str, str]:
    """How the OpenAPI document tells of such a key."""
    return {"type": "http", "scheme": "bearer", "description": description}
