"""REST: members of organizations."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.pagination import ListQuery, page_of, paginate
from switera_webhooks.api.views import validated_body, validated_query
from switera_webhooks.ids import Prefix
from webhooks.api.organization_serializers import (
    MemberChangesSerializer,
    MemberSerializer,
    NewMemberSerializer,
    RemoveMemberQuery,
)
from webhooks.api.organizations import ORGANIZATION_ID, OrganizationsOfKey
from webhooks.models import OrganizationMember
from webhooks.organizations.members import (
    add_organization_member,
    remove_organization_member,
    update_organization_member,
)

_ID = path_parameter("member_id", "The member's id, `mem_…`.")
_SHAPE = MemberSerializer()
_EXAMPLE = OpenApiExample(
    "A user", {"user_id": "usr_77", "email": "ada@globex.example", "role": "admin"}, request_only=True
)


class MembersView(OrganizationsOfKey):
    @extend_schema(
        operation_id="list_organization_members",
        summary="List an organization's members, newest first",
        description="End users of your product, by the ids that it has for them.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, ListQuery],
        responses=answers({200: page_of("MemberList", MemberSerializer())}, 400),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        members = self.organization(id).members.all()
        return Response(paginate(members, validated_query(ListQuery, request), order="-id").answer(_SHAPE))

    @extend_schema(
        operation_id="add_organization_member",
        summary="Add a member to an organization",
        description="Emits `organization.member.added`. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID],
        request=NewMemberSerializer,
        responses=answers({201: MemberSerializer}, 400, 403, 409, 413, 415),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        organization = self.organization(id)
        given = validated_body(NewMemberSerializer, request)
        member = add_organization_member(organization, **given, actor=self.actor)
        return Response(_SHAPE.to_representation(member), status=201)


class MemberView(OrganizationsOfKey):
    def member(self, id: str, member_id: str) -> OrganizationMember:
        """Raises NotFound."""
        organization = self.organization(id)
        return self.part(organization, organization.members.all(), Prefix.MEMBER, member_id)

    @extend_schema(
        operation_id="get_organization_member",
        summary="Read a member of an organization",
        description="With the role, and how they came in.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        responses=answers({200: MemberSerializer}),
    )
    def get(self, request: Request, app: str, id: str, member_id: str) -> Response:
        return Response(_SHAPE.to_representation(self.member(id, member_id)))

    @extend_schema(
        operation_id="update_organization_member",
        summary="Change a member of an organization",
        description="A new role emits `organization.member.updated`. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        request=MemberChangesSerializer,
        responses=answers({200: MemberSerializer}, 400, 403, 413, 415),
    )
    def patch(self, request: Request, app: str, id: str, member_id: str) -> Response:
        member = self.member(id, member_id)
        changes = validated_body(MemberChangesSerializer, request, shown=_SHAPE.to_representation(member))
        return Response(_SHAPE.to_representation(update_organization_member(member, changes, self.actor)))

    @extend_schema(
        operation_id="remove_organization_member",
        summary="Remove a member from an organization",
        description="Emits `organization.member.removed`. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID, RemoveMemberQuery],
        responses=answers({204: None}, 400, 403),
    )
    def delete(self, request: Request, app: str, id: str, member_id: str) -> Response:
        member = self.member(id, member_id)
        remove_organization_member(member, self.actor, **validated_query(RemoveMemberQuery, request))
        return Response(status=204)
