"""REST: the audit log, and its export."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from switera_webhooks.api.openapi import answers
from switera_webhooks.api.pagination import page_of, paginate
from switera_webhooks.api.views import validated_query
from webhooks.api.app_view import AppView
from webhooks.api.audit_files import AuditFileFormat, audit_file, csv_text, json_text
from webhooks.api.audit_serializers import AuditEntrySerializer, AuditExportQuery, AuditQuery
from webhooks.audit_log import AuditFilter, audit_entries, export_audit_log

_SHAPE = AuditEntrySerializer()
_OF_ENVIRONMENT = (
    "Entries about what is of the key's environment; a live key also reads of what both environments share: "
    "members, event types, organizations, the app itself."
)


class AuditView(AppView):
    @extend_schema(
        operation_id="list_audit_entries",
        summary="Read the audit log, newest first",
        description=_OF_ENVIRONMENT,
        tags=["Audit log"],
        parameters=[AuditQuery],
        responses=answers({200: page_of("AuditEntryList", AuditEntrySerializer())}, 400),
    )
    def get(self, request: Request, app: str) -> Response:
        query = validated_query(AuditQuery, request)
        entries = audit_entries(self.app, self.environment, _filter_of(query))
        return Response(paginate(entries, query, order="-id").answer(_SHAPE))


class AuditExportView(AppView):
    @extend_schema(
        operation_id="export_audit_log",
        summary="Export the audit log",
        description=f"{_OF_ENVIRONMENT} All that match, newest first, as a file: CSV, or a JSON array of entries. "
        "The export has an entry of its own.",
        tags=["Audit log"],
        parameters=[AuditExportQuery],
        responses={
            **answers({}, 400),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="A header, then a line an entry."),
            (200, "application/json"): AuditEntrySerializer(many=True),
        },
    )
    def get(self, request: Request, app: str) -> StreamingHttpResponse:
        query = validated_query(AuditExportQuery, request)
        file_format = AuditFileFormat(query["as"])
        batches = export_audit_log(self.app, self.environment, _filter_of(query), file_format, self.actor)
        text = csv_text(batches) if file_format == AuditFileFormat.CSV else json_text(batches, _SHAPE.to_representation)
        return audit_file(self.app, self.environment, file_format, text)


def _filter_of(query: dict[str, Any]) -> AuditFilter:
    return AuditFilter(query.get("action"), query.get("actor"), query.get("after"), query.get("before"))
