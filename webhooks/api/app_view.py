"""The base of every view below `/api/v1/apps/{app}/`: one app, one environment, nothing beyond (S33)."""

from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from switera_webhooks.api.openapi import path_parameter
from switera_webhooks.api.views import JSONView
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.refusals import Forbidden
from webhooks.api.authentication import ApiKeyAuthentication
from webhooks.audit import Actor
from webhooks.models import ApiKey, App

Row = TypeVar("Row", bound=Model)


@extend_schema(parameters=[path_parameter("app", "The app's id, `app_…`.")])
class AppView(JSONView):
    """`app`, `environment` and `actor` come from the key; the path must name the key's own app."""

    authentication_classes = [ApiKeyAuthentication]
    permission_classes = []  # the key is the permission: without a good one authentication raises
    app: App
    environment: str
    key: ApiKey

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.key = cast(ApiKey, request.auth)
        self.app = self.key.app
        self.environment = self.key.environment
        if kwargs["app"] != self.app.public_id:
            raise NotFound

    @property
    def actor(self) -> Actor:
        """Who the audit log will name."""
        return Actor.of_api_key(self.key, self.request.META.get("REMOTE_ADDR") or None)

    def may_change_what_is_shared(self) -> None:
        """Event types and organizations belong to both environments. Raises Forbidden for a test key."""
        if self.environment == Environment.TEST:
            raise Forbidden("A test key reads this but does not change it: use a live key.")


def one_of(rows: QuerySet[Row], prefix: Prefix, public_id: str) -> Row:
    """The row with this id. Raises NotFound, the same for a malformed, a missing and another app's id."""
    key = from_public_id(prefix, public_id)
    row = None if key is None else rows.filter(pk=key).first()
    if row is None:
        raise NotFound
    return row
