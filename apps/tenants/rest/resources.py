"""Organisations, members, invitations and service accounts."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.core.actor import Role
from apps.core.asgi.door import Door
from apps.core.rest.viewsets import HouseViewSet
from apps.tenants.domain.roles import PEOPLE_ROLES
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import organizations as organization_queries
from apps.tenants.queries import people
from apps.tenants.rest import bodies, examples, serializers
from apps.tenants.rest.documented import IF_MATCH, flag, one_of, ordering, refused
from apps.tenants.rest.flood import refuse_flood
from apps.tenants.rest.views import SMALL_BODY, visit_of
from apps.tenants.services import invitations, members, organizations, service_accounts

PENDING = {name: value for name, value in examples.INVITATION.items() if name != "url"}


class OrganizationViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(TenantPermission.ORGANIZATION_VIEW),
        "create": Door(TenantPermission.ORGANIZATION_CREATE),
        "current": Door(TenantPermission.ORGANIZATION_VIEW),
        "change": Door(TenantPermission.ORGANIZATION_CHANGE),
    }
    serializer_class = serializers.OrganizationSerializer

    @extend_schema(
        summary="One's organisations",
        description="All of a signed-in person's; a key sees the one it belongs to, the operator every one.",
        parameters=[ordering("created_at", "name", "slug")],
        responses={200: serializers.OrganizationSerializer(many=True), **refused(422)},
        examples=[examples.answer(examples.ORGANIZATION)],
    )
    def list(self, request: Any) -> Response:
        found = organization_queries.visible_to(self.actor)
        return self.page(
            found, serializers.OrganizationSerializer, ordering=("created_at", "name", "slug")
        )

    @extend_schema(
        summary="Found an organisation",
        description="The operator's alone; they become its first administrator.",
        request=bodies.OrganizationBody,
        responses={201: serializers.OrganizationSerializer},
        examples=[
            examples.body({"name": "Acme", "slug": "acme"}),
            examples.answer(examples.ORGANIZATION),
        ],
    )
    def create(self, request: Any) -> Response:
        created = organizations.create_organization(
            actor=self.actor, **self.read(bodies.OrganizationBody)
        )
        return self.present(created, serializers.OrganizationSerializer, status=201)

    @extend_schema(
        summary="The current organisation", examples=[examples.answer(examples.ORGANIZATION)]
    )
    def current(self, request: Any) -> Response:
        return self.present(
            organization_queries.current(self.actor), serializers.OrganizationSerializer
        )

    @extend_schema(
        summary="Rename the current organisation",
        parameters=[IF_MATCH],
        request=bodies.OrganizationChangeBody,
        responses={200: serializers.OrganizationSerializer, **refused(412)},
        examples=[examples.body({"name": "Acme Ltd"}), examples.answer(examples.ORGANIZATION)],
    )
    def change(self, request: Any) -> Response:
        changed = organizations.update_organization(
            actor=self.actor,
            **self.read(bodies.OrganizationChangeBody),
            expected_revision=self.expected_revision(),
        )
        return self.present(changed, serializers.OrganizationSerializer)


class MemberViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(TenantPermission.MEMBER_VIEW),
        "retrieve": Door(TenantPermission.MEMBER_VIEW),
        "change": Door(TenantPermission.MEMBER_MANAGE),
        "remove": Door(TenantPermission.MEMBER_MANAGE),
    }
    serializer_class = serializers.MemberSerializer
    filterset_class = serializers.MemberFilter

    @extend_schema(
        summary="Members",
        parameters=[
            one_of("role", *PEOPLE_ROLES),
            flag("approver"),
            ordering("created_at", "role"),
        ],
        responses={200: serializers.MemberSerializer(many=True), **refused(422)},
        examples=[examples.answer(examples.MEMBER)],
    )
    def list(self, request: Any) -> Response:
        return self.page(
            people.members(self.actor),
            serializers.MemberSerializer,
            filterset=serializers.MemberFilter,
            ordering=("created_at", "role"),
        )

    @extend_schema(summary="A member", examples=[examples.answer(examples.MEMBER)])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(people.member(self.actor, id), serializers.MemberSerializer)

    @extend_schema(
        summary="Change a member's role or approver grant",
        description="Nobody raises themselves, and one administrator always remains.",
        parameters=[IF_MATCH],
        request=bodies.MemberChangeBody,
        responses={200: serializers.MemberSerializer, **refused(412)},
        examples=[
            examples.body({"role": "user", "approver": True}),
            examples.answer(examples.MEMBER),
        ],
    )
    def change(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        asked = self.read(bodies.MemberChangeBody)
        changed = members.change_member(
            actor=self.actor,
            member_id=id,
            role=Role(asked["role"]) if "role" in asked else None,
            is_approver=asked.get("approver"),
            expected_revision=self.expected_revision(),
        )
        return self.present(changed, serializers.MemberSerializer)

    @extend_schema(
        summary="Remove a member",
        description="All their logins end.",
        responses={204: None, **refused(409)},
    )
    def remove(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        members.remove_member(actor=self.actor, member_id=id)
        return self.nothing()


class InvitationViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(TenantPermission.INVITATION_MANAGE),
        "retrieve": Door(TenantPermission.INVITATION_MANAGE),
        "create": Door(TenantPermission.INVITATION_MANAGE, secret_fields=("url",)),
        "revoke": Door(TenantPermission.INVITATION_MANAGE),
        "accept": Door(
            public="the link's token is the credential", replays=False, body_limit=SMALL_BODY
        ),
    }
    serializer_class = serializers.InvitationSerializer

    @extend_schema(
        summary="Invitations",
        parameters=[ordering("created_at", "email", "expires_at")],
        responses={200: serializers.InvitationSerializer(many=True), **refused(422)},
        examples=[examples.answer(PENDING)],
    )
    def list(self, request: Any) -> Response:
        return self.page(
            people.invitations(self.actor),
            serializers.InvitationSerializer,
            ordering=("created_at", "email", "expires_at"),
        )

    @extend_schema(summary="An invitation", examples=[examples.answer(PENDING)])
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(people.invitation(self.actor, id), serializers.InvitationSerializer)

    @extend_schema(
        summary="Invite someone",
        description="Answers a link that works once, for seven days. It is shown this once.",
        request=bodies.InvitationBody,
        responses={201: serializers.InvitedSerializer},
        examples=[
            examples.body({"email": "grace@acme.example", "role": "user"}),
            examples.answer(examples.INVITATION),
        ],
    )
    def create(self, request: Any) -> Response:
        asked = self.read(bodies.InvitationBody)
        invited = invitations.invite(
            actor=self.actor,
            email=asked["email"],
            role=Role(asked["role"]),
            is_approver=asked["approver"],
        )
        return self.present(
            invited.invitation, serializers.InvitationSerializer, status=201, url=invited.url
        )

    @extend_schema(summary="Revoke an invitation", responses={204: None, **refused(409)})
    def revoke(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        invitations.revoke_invitation(actor=self.actor, invitation_id=id)
        return self.nothing()

    @extend_schema(
        summary="Accept an invitation",
        description="With a name and a password for a new account, the password of an existing one, or signed in.",
        request=bodies.AcceptBody,
        responses={201: serializers.JoinedSerializer, **refused(401, 403, 404)},
        examples=[
            examples.body({"token": "…", "name": "Grace Hopper", "password": "…"}),
            examples.answer({**examples.MEMBER, "organization": examples.ORGANIZATION}),
        ],
    )
    def accept(self, request: Any) -> Response:
        visit = visit_of(request)
        refuse_flood(visit, request)
        joined = invitations.accept_invitation(
            **self.read(bodies.AcceptBody), actor=self.actor_or_none(), visit=visit
        )
        return self.present(joined, serializers.JoinedSerializer, status=201)


class ServiceAccountViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(TenantPermission.SERVICE_ACCOUNT_VIEW),
        "retrieve": Door(TenantPermission.SERVICE_ACCOUNT_VIEW),
        "create": Door(TenantPermission.SERVICE_ACCOUNT_MANAGE),
        "change": Door(TenantPermission.SERVICE_ACCOUNT_MANAGE),
    }
    serializer_class = serializers.ServiceAccountSerializer
    filterset_class = serializers.ServiceAccountFilter

    @extend_schema(
        summary="Service accounts",
        parameters=[flag("is_active"), ordering("created_at", "name")],
        responses={200: serializers.ServiceAccountSerializer(many=True), **refused(422)},
        examples=[examples.answer(examples.SERVICE_ACCOUNT)],
    )
    def list(self, request: Any) -> Response:
        return self.page(
            people.service_accounts(self.actor),
            serializers.ServiceAccountSerializer,
            filterset=serializers.ServiceAccountFilter,
            ordering=("created_at", "name"),
        )

    @extend_schema(
        summary="A service account", examples=[examples.answer(examples.SERVICE_ACCOUNT)]
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = people.service_account(self.actor, id)
        return self.present(found, serializers.ServiceAccountSerializer)

    @extend_schema(
        summary="Make a service account",
        request=bodies.ServiceAccountBody,
        responses={201: serializers.ServiceAccountSerializer},
        examples=[examples.body({"name": "nightly"}), examples.answer(examples.SERVICE_ACCOUNT)],
    )
    def create(self, request: Any) -> Response:
        made = service_accounts.create_service_account(
            actor=self.actor, **self.read(bodies.ServiceAccountBody)
        )
        return self.present(made, serializers.ServiceAccountSerializer, status=201)

    @extend_schema(
        summary="Rename a service account, switch it off or on",
        description="Its keys are worth nothing while it is off.",
        parameters=[IF_MATCH],
        request=bodies.ServiceAccountChangeBody,
        responses={200: serializers.ServiceAccountSerializer, **refused(412)},
        examples=[
            examples.body({"is_active": False}),
            examples.answer(examples.SERVICE_ACCOUNT),
        ],
    )
    def change(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = service_accounts.change_service_account(
            actor=self.actor,
            account_id=id,
            **self.read(bodies.ServiceAccountChangeBody),
            expected_revision=self.expected_revision(),
        )
        return self.present(changed, serializers.ServiceAccountSerializer)
