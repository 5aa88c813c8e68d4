"""REST: domains of organizations."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.pagination import ListQuery, page_of, paginate
from switera_webhooks.api.views import validated_body, validated_query
from switera_webhooks.ids import Prefix
from webhooks.api.organization_serializers import (
    DomainChangesSerializer,
    DomainSerializer,
    NewDomainSerializer,
    VerifySerializer,
)
from webhooks.api.organizations import ORGANIZATION_ID, OrganizationsOfKey
from webhooks.models import OrganizationDomain
from webhooks.organizations.domains import add_domain, remove_domain, update_domain, verify_domain

_ID = path_parameter("domain_id", "The domain's id, `dom_…`.")
_SHAPE = DomainSerializer()
_EXAMPLE = OpenApiExample("A domain", {"domain": "globex.example", "auto_join": True}, request_only=True)


class DomainsView(OrganizationsOfKey):
    @extend_schema(
        operation_id="list_organization_domains",
        summary="List an organization's domains, newest first",
        description="Those that are not verified as well.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, ListQuery],
        responses=answers({200: page_of("DomainList", DomainSerializer())}, 400),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        domains = self.organization(id).domains.all()
        return Response(paginate(domains, validated_query(ListQuery, request), order="-id").answer(_SHAPE))

    @extend_schema(
        operation_id="add_organization_domain",
        summary="Add a domain to an organization",
        description="Not verified yet. The answer holds a TXT record that your customer can set, for you to look up. "
        "Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID],
        request=NewDomainSerializer,
        responses=answers({201: DomainSerializer}, 400, 403, 409, 413, 415),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        organization = self.organization(id)
        given = validated_body(NewDomainSerializer, request)
        return Response(_SHAPE.to_representation(add_domain(organization, **given, actor=self.actor)), status=201)


class _DomainsOfKey(OrganizationsOfKey):
    def domain(self, id: str, domain_id: str) -> OrganizationDomain:
        """Raises NotFound."""
        organization = self.organization(id)
        return self.part(organization, organization.domains.all(), Prefix.DOMAIN, domain_id)


class DomainView(_DomainsOfKey):
    @extend_schema(
        operation_id="get_organization_domain",
        summary="Read a domain of an organization",
        description="Whether and how it was verified, too.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        responses=answers({200: DomainSerializer}),
    )
    def get(self, request: Request, app: str, id: str, domain_id: str) -> Response:
        return Response(_SHAPE.to_representation(self.domain(id, domain_id)))

    @extend_schema(
        operation_id="update_organization_domain",
        summary="Change a domain of an organization",
        description="Whether users with an address at it may join by themselves. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        request=DomainChangesSerializer,
        responses=answers({200: DomainSerializer}, 400, 403, 413, 415),
    )
    def patch(self, request: Request, app: str, id: str, domain_id: str) -> Response:
        domain = self.domain(id, domain_id)
        changes = validated_body(DomainChangesSerializer, request, shown=_SHAPE.to_representation(domain))
        return Response(_SHAPE.to_representation(update_domain(domain, changes, self.actor)))

    @extend_schema(
        operation_id="remove_organization_domain",
        summary="Remove a domain from an organization",
        description="Emits `organization.domain.removed`. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        responses=answers({204: None}, 403),
    )
    def delete(self, request: Request, app: str, id: str, domain_id: str) -> Response:
        remove_domain(self.domain(id, domain_id), self.actor)
        return Response(status=204)


class VerifyView(_DomainsOfKey):
    @extend_schema(
        operation_id="verify_organization_domain",
        summary="Declare a domain verified",
        description="Your product made sure that it is the organization's, and says how: nothing is looked up here. "
        "Emits `organization.domain.verified`; a domain that is verified already stays as it is. One that is verified "
        "for another organization of the app is refused (409). Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        request=VerifySerializer,
        responses=answers({200: DomainSerializer}, 400, 403, 409, 415),
    )
    def post(self, request: Request, app: str, id: str, domain_id: str) -> Response:
        domain = self.domain(id, domain_id)
        method: str = validated_body(VerifySerializer, request)["method"]
        return Response(_SHAPE.to_representation(verify_domain(domain, method, self.actor)))
