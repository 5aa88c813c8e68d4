"""REST: organizations. They are shared by both environments: a test key reads them and does not change them."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.pagination import page_of, paginate
from switera_webhooks.api.views import validated_body, validated_query
from switera_webhooks.ids import Prefix
from webhooks.api.app_view import AppView, one_of
from webhooks.api.organization_serializers import (
    OrganizationFieldsSerializer,
    OrganizationQuery,
    OrganizationSerializer,
)
from webhooks.models import Organization
from webhooks.organizations.organization import create_organization, delete_organization, update_organization

ORGANIZATION_ID = path_parameter("id", "The organization's id, `org_…`.")
Part = TypeVar("Part", bound=Model)
_SHAPE = OrganizationSerializer()
_EXAMPLE = OpenApiExample("A customer", {"name": "Globex", "slug": "globex"}, request_only=True)


class OrganizationsOfKey(AppView):
    """The base of views of organizations and of their parts."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in ("GET", "HEAD"):
            self.may_change_what_is_shared()

    def organization(self, id: str) -> Organization:
        """Raises NotFound."""
        organization = one_of(Organization.objects.filter(app=self.app), Prefix.ORGANIZATION, id)
        organization.app = self.app
        return organization

    def part(self, organization: Organization, parts: QuerySet[Part], prefix: Prefix, id: str) -> Part:
        """Its member, invitation or domain with this id, among `parts`. Raises NotFound."""
        part = one_of(parts, prefix, id)
        part.organization = organization  # type: ignore[attr-defined]  # (each of them has one)
        return part


class OrganizationsView(OrganizationsOfKey):
    @extend_schema(
        operation_id="list_organizations",
        summary="List organizations, newest first",
        description="The app's, which both environments share.",
        tags=["Organizations"],
        parameters=[OrganizationQuery],
        responses=answers({200: page_of("OrganizationList", OrganizationSerializer())}, 400),
    )
    def get(self, request: Request, app: str) -> Response:
        query = validated_query(OrganizationQuery, request)
        organizations = Organization.objects.filter(app=self.app)
        if "slug" in query:
            organizations = organizations.filter(slug=query["slug"])
        return Response(paginate(organizations, query, order="-id").answer(_SHAPE))

    @extend_schema(
        operation_id="create_organization",
        summary="Add an organization",
        description="A customer account. Not with a test key.",
        tags=["Organizations"],
        request=OrganizationFieldsSerializer,
        responses=answers({201: OrganizationSerializer}, 400, 403, 409, 413, 415),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, app: str) -> Response:
        given = validated_body(OrganizationFieldsSerializer, request)
        return Response(_SHAPE.to_representation(create_organization(self.app, **given, actor=self.actor)), status=201)


class OrganizationView(OrganizationsOfKey):
    @extend_schema(
        operation_id="get_organization",
        summary="Read an organization",
        description="Its members, invitations and domains have lists of their own.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID],
        responses=answers({200: OrganizationSerializer}),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        return Response(_SHAPE.to_representation(self.organization(id)))

    @extend_schema(
        operation_id="update_organization",
        summary="Change an organization",
        description="Only the fields that are given change. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID],
        request=OrganizationFieldsSerializer,
        responses=answers({200: OrganizationSerializer}, 400, 403, 409, 413, 415),
    )
    def patch(self, request: Request, app: str, id: str) -> Response:
        organization = self.organization(id)
        changes = validated_body(OrganizationFieldsSerializer, request, shown=_SHAPE.to_representation(organization))
        return Response(_SHAPE.to_representation(update_organization(organization, changes, self.actor)))

    @extend_schema(
        operation_id="delete_organization",
        summary="Delete an organization",
        description="With its members, invitations and domains; events and deliveries stay. Refused while an endpoint "
        "belongs to it (409): that endpoint would receive the events of every other organization. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID],
        responses=answers({204: None}, 403, 409),
    )
    def delete(self, request: Request, app: str, id: str) -> Response:
        delete_organization(self.organization(id), self.actor)
        return Response(status=204)
