"""REST: invitations to organizations."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from switera_webhooks.api.fields import EmptySerializer
from switera_webhooks.api.openapi import answers, path_parameter
from switera_webhooks.api.pagination import ListQuery, page_of, paginate
from switera_webhooks.api.views import validated_body, validated_query
from switera_webhooks.ids import Prefix
from webhooks.api.organization_serializers import (
    AcceptSerializer,
    InvitationChangesSerializer,
    InvitationSerializer,
    MemberSerializer,
    NewInvitationSerializer,
)
from webhooks.api.organizations import ORGANIZATION_ID, OrganizationsOfKey
from webhooks.models import Invitation
from webhooks.organizations.invitations import (
    accept_invitation,
    create_invitation,
    default_expiry,
    delete_invitation,
    revoke_invitation,
    update_invitation,
)

_ID = path_parameter("invitation_id", "The invitation's id, `inv_…`.")
_SHAPE = InvitationSerializer()
_EXAMPLE = OpenApiExample("An invitation", {"email": "ada@globex.example", "role": "member"}, request_only=True)


class InvitationsView(OrganizationsOfKey):
    @extend_schema(
        operation_id="list_organization_invitations",
        summary="List an organization's invitations, newest first",
        description="Those that were accepted, revoked or ran out as well.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, ListQuery],
        responses=answers({200: page_of("InvitationList", InvitationSerializer())}, 400),
    )
    def get(self, request: Request, app: str, id: str) -> Response:
        invitations = self.organization(id).invitations.all()
        return Response(paginate(invitations, validated_query(ListQuery, request), order="-id").answer(_SHAPE))

    @extend_schema(
        operation_id="create_organization_invitation",
        summary="Invite somebody to an organization",
        description="Emits `organization.invitation.created`. Nothing is sent to the address: your product writes to "
        "the person, and says here when they accept. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID],
        request=NewInvitationSerializer,
        responses=answers({201: InvitationSerializer}, 400, 403, 409, 413, 415),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, app: str, id: str) -> Response:
        organization = self.organization(id)
        given = {"expires_at": default_expiry(), **_of_body(validated_body(NewInvitationSerializer, request))}
        invitation = create_invitation(organization, **given, actor=self.actor)
        return Response(_SHAPE.to_representation(invitation), status=201)


class _InvitationsOfKey(OrganizationsOfKey):
    def invitation(self, id: str, invitation_id: str) -> Invitation:
        """Raises NotFound."""
        organization = self.organization(id)
        return self.part(organization, organization.invitations.all(), Prefix.INVITATION, invitation_id)


class InvitationView(_InvitationsOfKey):
    @extend_schema(
        operation_id="get_organization_invitation",
        summary="Read an invitation",
        description="Whether it was accepted, too.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        responses=answers({200: InvitationSerializer}),
    )
    def get(self, request: Request, app: str, id: str, invitation_id: str) -> Response:
        return Response(_SHAPE.to_representation(self.invitation(id, invitation_id)))

    @extend_schema(
        operation_id="update_organization_invitation",
        summary="Change an invitation",
        description="While it is pending. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        request=InvitationChangesSerializer,
        responses=answers({200: InvitationSerializer}, 400, 403, 409, 413, 415),
    )
    def patch(self, request: Request, app: str, id: str, invitation_id: str) -> Response:
        invitation = self.invitation(id, invitation_id)
        shown = _SHAPE.to_representation(invitation)
        changes = _of_body(validated_body(InvitationChangesSerializer, request, shown=shown))
        return Response(_SHAPE.to_representation(update_invitation(invitation, changes, self.actor)))

    @extend_schema(
        operation_id="delete_organization_invitation",
        summary="Delete an invitation",
        description="One that is pending is revoked first. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        responses=answers({204: None}, 403),
    )
    def delete(self, request: Request, app: str, id: str, invitation_id: str) -> Response:
        delete_invitation(self.invitation(id, invitation_id), self.actor)
        return Response(status=204)


class AcceptView(_InvitationsOfKey):
    @extend_schema(
        operation_id="accept_organization_invitation",
        summary="Accept an invitation",
        description="Makes the member, which is the answer. Emits `organization.member.added` and "
        "`organization.invitation.accepted`. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        request=AcceptSerializer,
        responses=answers({200: MemberSerializer}, 400, 403, 409, 415),
    )
    def post(self, request: Request, app: str, id: str, invitation_id: str) -> Response:
        invitation = self.invitation(id, invitation_id)
        user_id: str = validated_body(AcceptSerializer, request)["user_id"]
        return Response(MemberSerializer().to_representation(accept_invitation(invitation, user_id, self.actor)))


class RevokeView(_InvitationsOfKey):
    @extend_schema(
        operation_id="revoke_organization_invitation",
        summary="Revoke an invitation",
        description="Emits `organization.invitation.revoked`. Not with a test key.",
        tags=["Organizations"],
        parameters=[ORGANIZATION_ID, _ID],
        request=None,
        responses=answers({200: InvitationSerializer}, 400, 403, 409, 415),
    )
    def post(self, request: Request, app: str, id: str, invitation_id: str) -> Response:
        invitation = self.invitation(id, invitation_id)
        validated_body(EmptySerializer, request)
        return Response(_SHAPE.to_representation(revoke_invitation(invitation, self.actor)))


def _of_body(given: dict[str, Any]) -> dict[str, Any]:
    """In the words of the actions, which write no language as the empty text."""
    return given | {"locale": given["locale"] or ""} if "locale" in given else given
