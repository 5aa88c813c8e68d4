"""API keys and endpoint secrets for operators: when they were made and used, and nothing of their texts (S29, S30)."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from switera_webhooks.admin.lists import BigTableAdmin, LabelledFilter
from switera_webhooks.ids import Prefix
from webhooks.models import ApiKey, EndpointSecret
from webhooks.secrets import MASKED_SECRET


class KeyStateFilter(LabelledFilter):
    """Keys that work, and those that do not any more."""

    title = "state"
    parameter_name = "state"
    labels = {"active": "Active", "never_used": "Active, never used", "expired": "Expired", "revoked": "Revoked"}

    def condition(self, value: str) -> Q:
        now = timezone.now()
        if value == "revoked":
            return Q(revoked_at__isnull=False)
        if value == "expired":
            return Q(revoked_at=None, expires_at__lte=now)
        active = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
        return active & Q(last_used_at=None) if value == "never_used" else active


@admin.register(ApiKey)
class ApiKeyAdmin(BigTableAdmin[ApiKey]):
    fields = ["public_id_", "masked_", "app", "environment", "created_at", "created_by_name"]
    fields += ["last_used_at", "expires_at", "revoked_at"]
    list_display = ["masked_", "app", "environment", "created_at", "last_used_at", "expires_at", "revoked_at"]
    list_filter = [KeyStateFilter, "environment"]
    list_select_related = ["app"]
    found_by = {Prefix.API_KEY: "pk", Prefix.APP: "app"}
    texts = ["last4"]
    search_help_text = "A key's or app's id, or the last four letters of a key"

    @admin.display(description="id")
    def public_id_(self, key: ApiKey) -> str:
        return key.public_id

    @admin.display(description="key")
    def masked_(self, key: ApiKey) -> str:
        return key.masked


class SecretStateFilter(LabelledFilter):
    """The one that signs, and those that sign beside it until they end."""

    title = "state"
    parameter_name = "state"
    labels = {"current": "Current", "ending": "Ending", "ended": "Ended"}

    def condition(self, value: str) -> Q:
        now = timezone.now()
        if value == "current":
            return Q(expires_at=None)
        return Q(expires_at__gt=now) if value == "ending" else Q(expires_at__lte=now)


@admin.register(EndpointSecret)
class EndpointSecretAdmin(BigTableAdmin[EndpointSecret]):
    fields = ["endpoint", "masked_", "created_at", "expires_at"]
    list_display = ["masked_", "endpoint", "created_at", "expires_at"]
    list_filter = [SecretStateFilter]
    list_select_related = ["endpoint"]
    found_by = {Prefix.ENDPOINT: "endpoint", Prefix.APP: "endpoint__app"}
    search_help_text = "An endpoint's or app's id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("ciphertext")

    @admin.display(description="secret")
    def masked_(self, secret: EndpointSecret) -> str:
        return MASKED_SECRET
