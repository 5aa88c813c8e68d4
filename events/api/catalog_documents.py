"""REST: the app's own event types as an OpenAPI 3.1 document, and from one."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.documents.export import catalog_document
from events.documents.importing import ImportPlan, import_catalog
from switera_webhooks.api.fields import QueryFlagField, TextField
from switera_webhooks.api.openapi import answers
from switera_webhooks.api.views import body_object, validated_query
from webhooks.api.app_view import AppView


class ExportQuery(serializers.Serializer[Any]):
    """What is exported."""

    built_in = QueryFlagField(required=False, default=False, help_text="The built-in types too.")


class ImportedCatalogSerializer(serializers.Serializer[ImportPlan]):
    """What an import did, by the names of the event types."""

    created = serializers.ListField(child=TextField())
    changed = serializers.ListField(child=TextField())
    unchanged = serializers.ListField(child=TextField())
    built_in = serializers.ListField(child=TextField(), help_text="Passed over: every app has them.")

    def to_representation(self, plan: ImportPlan) -> dict[str, list[str]]:
        return plan.names


@extend_schema(tags=["Event types"])
class ExportView(AppView):
    @extend_schema(
        operation_id="export_event_types",
        summary="Export the event catalog",
        description="The app's own types as an OpenAPI 3.1 document: in `webhooks` one entry a type, with the whole "
        "body of its messages, their headers, and an example.",
        parameters=[ExportQuery],
        responses=answers({200: OpenApiTypes.OBJECT}, 400),
    )
    def get(self, request: Request, app: str) -> Response:
        query = validated_query(ExportQuery, request)
        return Response(catalog_document(self.app, built_in=query["built_in"]))


@extend_schema(tags=["Event types"])
class ImportView(AppView):
    @extend_schema(
        operation_id="import_event_types",
        summary="Import an event catalog",
        description="Creates and changes types as the `webhooks` of an OpenAPI 3.1 document have them, all or none: "
        "one that was exported here, or another's, of at most 2,000 types and 4 MiB of schemas. Types that it does not "
        "name stay as they are. `details.event_types` of a refusal names each type that cannot be taken. "
        "Not with a test key.",
        request=OpenApiTypes.OBJECT,
        responses=answers({200: ImportedCatalogSerializer}, 400, 403, 409, 413, 415),
    )
    def post(self, request: Request, app: str) -> Response:
        self.may_change_what_is_shared()
        plan = import_catalog(self.app, body_object(request), self.actor)
        return Response(ImportedCatalogSerializer().to_representation(plan))
