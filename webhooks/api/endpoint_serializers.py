"""Endpoints as the REST API shows and takes them (product.md section 6, "Shapes")."""

from typing import Any

from rest_framework import serializers

from deliveries.endpoint_facts import health_of, held_count_of
from deliveries.endpoints import MASK
from switera_webhooks.api.fields import FlagField, IdField, TextField, TimeField, WholeNumberField
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix
from webhooks.health import Health
from webhooks.models import DisabledReason, Endpoint
from webhooks.secrets import DEFAULT_OVERLAP, MAX_OVERLAP


class EndpointSerializer(serializers.Serializer[Endpoint]):
    """HTTPS destination that receives webhook messages; a row of `with_facts`."""

    id = IdField(Prefix.ENDPOINT)
    name = TextField()
    description = TextField()
    url = TextField(help_text="As it is used: host in lower-case ASCII.")
    environment = serializers.ChoiceField(Environment.choices)
    event_types = serializers.ListField(child=TextField())
    organization_id = IdField(Prefix.ORGANIZATION, allow_null=True)
    headers = serializers.SerializerMethodField(help_text="Custom headers, their values masked.")
    metadata = serializers.DictField(child=TextField())
    rate_limit = WholeNumberField(allow_null=True, help_text="Deliveries a second.")
    enabled = FlagField()
    disabled_reason = serializers.ChoiceField(DisabledReason.choices, allow_null=True)
    health = serializers.SerializerMethodField()
    created_at = TimeField()
    updated_at = TimeField()
    held_count = serializers.SerializerMethodField(help_text="Deliveries that wait for it to be enabled.")

    def get_headers(self, endpoint: Endpoint) -> dict[str, str]:
        return dict.fromkeys(endpoint.headers, MASK)

    def get_health(self, endpoint: Endpoint) -> Health:
        return health_of(endpoint)

    def get_held_count(self, endpoint: Endpoint) -> int:
        return held_count_of(endpoint)


class CreatedEndpointSerializer(EndpointSerializer):
    """A new endpoint, with its secret: shown here, and when it is asked for or rotated."""

    secret = TextField(read_only=True, help_text="`whsec_…`: verifies what the endpoint receives.")


class EndpointFieldsSerializer(serializers.Serializer[Any]):
    """What a Builder says about an endpoint. How each may look is judged where endpoints are made."""

    url = TextField(help_text="`https://` and a public host; a name that does not resolve now is a warning.")
    event_types = serializers.ListField(
        child=TextField(), help_text="Names (`order.paid`), families (`order.*`), or all (`*`)."
    )
    name = TextField(required=False, allow_blank=True)
    description = TextField(required=False, allow_blank=True)
    organization_id = IdField(
        Prefix.ORGANIZATION,
        required=False,
        allow_null=True,
        help_text="Receives only this one's events; what waits of others is canceled.",
    )
    headers = serializers.DictField(
        required=False,
        child=TextField(allow_blank=True),
        help_text="Sent with every request. A masked value sent back leaves the value as it is.",
    )
    metadata = serializers.DictField(required=False, child=TextField(allow_blank=True))
    rate_limit = WholeNumberField(required=False, allow_null=True, help_text="Deliveries a second; null: no limit.")
    enabled = FlagField(required=False)


class EnableSerializer(serializers.Serializer[Any]):
    """What becomes of the deliveries that were held."""

    held = serializers.ChoiceField(["release", "cancel"], default="release")


class RotateSerializer(serializers.Serializer[Any]):
    """How long the secret before signs beside the new one."""

    overlap = WholeNumberField(default=DEFAULT_OVERLAP, min_value=0, max_value=MAX_OVERLAP, help_text="Seconds.")


class EndpointSecretSerializer(serializers.Serializer[Any]):
    """An endpoint's current secret."""

    secret = TextField(help_text="`whsec_…`")


class TestSendSerializer(serializers.Serializer[Any]):
    """What to send: the example of this type."""

    event_type = TextField(help_text="Any type of the catalog; `webhook.test` is there for this.")
