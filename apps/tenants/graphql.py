"""Organisations and people in GraphQL: what REST offers, login and joining apart: both are counted by their address,
and what comes here is not.
"""

from __future__ import annotations

from typing import Any, ClassVar

import graphene
from django.db.models import QuerySet
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import DateTime, HouseType, public_id
from apps.tenants.domain.roles import read_role
from apps.tenants.models import Invitation, Membership, Organization, ServiceAccount
from apps.tenants.permissions import TenantPermission
from apps.tenants.queries import organizations as organization_queries
from apps.tenants.queries import people, whoami
from apps.tenants.services import invitations, members, organizations, service_accounts

REVISION = "The revision the change is based on; STALE when it is no longer the present one."
STATUS = "pending, accepted, revoked or expired"


class OrganizationType(HouseType):
    class Meta:
        name = "Organization"

    id = public_id()
    slug = graphene.String(required=True)
    name = graphene.String(required=True)
    revision = graphene.Int(required=True)
    created_at = DateTime(required=True)


class UserType(HouseType):
    """A person."""

    class Meta:
        name = "User"

    id = public_id()
    email = graphene.String(required=True)
    name = graphene.String(required=True)


class MemberType(HouseType):
    """A person's place in the organisation."""

    class Meta:
        name = "Member"

    related: ClassVar = {"user": "user"}

    id = public_id()
    user = graphene.Field(UserType, required=True)
    role = graphene.String(required=True, description="admin, user or viewer")
    approver = graphene.Boolean(required=True, source="is_approver")
    revision = graphene.Int(required=True)
    created_at = DateTime(required=True)


class InvitationType(HouseType):
    class Meta:
        name = "Invitation"

    related: ClassVar = {"invited_by": "created_by"}

    id = public_id()
    email = graphene.String(required=True)
    role = graphene.String(required=True, description="admin, user or viewer")
    approver = graphene.Boolean(required=True, source="is_approver")
    status = graphene.String(required=True, description=STATUS)
    invited_by = graphene.Field(UserType, source="created_by")
    created_at = DateTime(required=True)
    expires_at = DateTime(required=True)

    @staticmethod
    def resolve_status(invitation: Invitation, info: Any) -> str:
        return invitation.status(timezone.now())


class ServiceAccountType(HouseType):
    """A program that owns keys."""

    class Meta:
        name = "ServiceAccount"

    related: ClassVar = {"created_by": "created_by"}

    id = public_id()
    name = graphene.String(required=True)
    is_active = graphene.Boolean(required=True)
    created_by = graphene.Field(UserType)
    revision = graphene.Int(required=True)
    created_at = DateTime(required=True)


class MyUser(graphene.ObjectType):
    id = graphene.ID(required=True)
    email = graphene.String(required=True)
    name = graphene.String(required=True)


class MyServiceAccount(graphene.ObjectType):
    id = graphene.ID(required=True)
    name = graphene.String(required=True)


class MyOrganization(graphene.ObjectType):
    id = graphene.ID(required=True)
    slug = graphene.String(required=True)
    name = graphene.String(required=True)


class MyCredential(graphene.ObjectType):
    kind = graphene.String(required=True, description="key, jwt or session")
    id = graphene.ID(required=True)
    expires_at = DateTime()


class Me(graphene.ObjectType):
    """Who asks, and what they may."""

    user = graphene.Field(MyUser)
    service_account = graphene.Field(MyServiceAccount)
    organization = graphene.Field(MyOrganization, required=True)
    role = graphene.String(required=True)
    approver = graphene.Boolean(required=True)
    permissions = graphene.List(graphene.NonNull(graphene.String), required=True)
    credential = graphene.Field(MyCredential, required=True)


class Query(graphene.ObjectType):
    me = HouseField(Me, required=True, signed_in="everyone may know who they are")
    organization = HouseField(
        OrganizationType,
        required=True,
        permission=TenantPermission.ORGANIZATION_VIEW,
        description="The current one, or one's own by its id.",
        id=graphene.ID(),
    )
    organizations = ConnectionField(OrganizationType, permission=TenantPermission.ORGANIZATION_VIEW)
    member = HouseField(
        MemberType,
        required=True,
        permission=TenantPermission.MEMBER_VIEW,
        id=graphene.ID(required=True),
    )
    members = ConnectionField(
        MemberType,
        permission=TenantPermission.MEMBER_VIEW,
        role=graphene.String(),
        approver=graphene.Boolean(),
    )
    invitation = HouseField(
        InvitationType,
        required=True,
        permission=TenantPermission.INVITATION_MANAGE,
        id=graphene.ID(required=True),
    )
    invitations = ConnectionField(
        InvitationType,
        permission=TenantPermission.INVITATION_MANAGE,
        status=graphene.String(description=STATUS),
    )
    service_account = HouseField(
        ServiceAccountType,
        required=True,
        permission=TenantPermission.SERVICE_ACCOUNT_VIEW,
        id=graphene.ID(required=True),
    )
    service_accounts = ConnectionField(
        ServiceAccountType,
        permission=TenantPermission.SERVICE_ACCOUNT_VIEW,
        is_active=graphene.Boolean(),
    )

    @staticmethod
    def resolve_me(root: Any, info: Any) -> dict[str, Any]:
        return whoami.describe(actor_of(info).identity)

    @staticmethod
    def resolve_organization(root: Any, info: Any, *, id: str | None = None) -> Organization:  # noqa: A002 - the argument's public name
        actor = actor_of(info)
        return (
            organization_queries.current(actor)
            if id is None
            else organization_queries.get(actor, id)
        )

    @staticmethod
    def resolve_organizations(root: Any, info: Any) -> QuerySet[Organization]:
        return organization_queries.visible_to(actor_of(info))

    @staticmethod
    def resolve_member(root: Any, info: Any, *, id: str) -> Membership:  # noqa: A002 - as above
        return people.member(actor_of(info), id)

    @staticmethod
    def resolve_members(
        root: Any, info: Any, *, role: str | None = None, approver: bool | None = None
    ) -> QuerySet[Membership]:
        return people.members(actor_of(info), role=role, is_approver=approver)

    @staticmethod
    def resolve_invitation(root: Any, info: Any, *, id: str) -> Invitation:  # noqa: A002 - as above
        return people.invitation(actor_of(info), id)

    @staticmethod
    def resolve_invitations(
        root: Any, info: Any, *, status: str | None = None
    ) -> QuerySet[Invitation]:
        return people.invitations(actor_of(info), status=status)

    @staticmethod
    def resolve_service_account(root: Any, info: Any, *, id: str) -> ServiceAccount:  # noqa: A002 - as above
        return people.service_account(actor_of(info), id)

    @staticmethod
    def resolve_service_accounts(
        root: Any, info: Any, *, is_active: bool | None = None
    ) -> QuerySet[ServiceAccount]:
        return people.service_accounts(actor_of(info), is_active=is_active)


class CreateOrganization(HouseMutation):
    """The operator's alone; they become its first administrator."""

    class Meta:
        permission = TenantPermission.ORGANIZATION_CREATE

    class Arguments:
        name = graphene.String(required=True)
        slug = graphene.String(required=True)

    organization = graphene.Field(OrganizationType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateOrganization:
        return cls(organization=organizations.create_organization(actor=actor, **arguments))


class UpdateOrganization(HouseMutation):
    """Rename the current organisation."""

    class Meta:
        permission = TenantPermission.ORGANIZATION_CHANGE

    class Arguments:
        name = graphene.String(required=True)
        expected_revision = graphene.Int(description=REVISION)

    organization = graphene.Field(OrganizationType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> UpdateOrganization:
        return cls(organization=organizations.update_organization(actor=actor, **arguments))


class ChangeMember(HouseMutation):
    """Nobody raises themselves, and one administrator always remains."""

    class Meta:
        permission = TenantPermission.MEMBER_MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        role = graphene.String(description="admin, user or viewer")
        approver = graphene.Boolean()
        expected_revision = graphene.Int(description=REVISION)

    member = graphene.Field(MemberType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ChangeMember:
        role = arguments.get("role")
        changed = members.change_member(
            actor=actor,
            member_id=arguments["id"],
            role=None if role is None else read_role(role),
            is_approver=arguments.get("approver"),
            expected_revision=arguments.get("expected_revision"),
        )
        return cls(member=changed)


class RemoveMember(HouseMutation):
    """All their logins end."""

    class Meta:
        permission = TenantPermission.MEMBER_MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    id = graphene.ID(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RemoveMember:
        members.remove_member(actor=actor, member_id=arguments["id"])
        return cls(id=arguments["id"])


class InviteMember(HouseMutation):
    """Answers a link that works once, for seven days. It is shown this once."""

    class Meta:
        permission = TenantPermission.INVITATION_MANAGE

    class Arguments:
        email = graphene.String(required=True)
        role = graphene.String(required=True, description="admin, user or viewer")
        approver = graphene.Boolean(default_value=False)

    invitation = graphene.Field(InvitationType, required=True)
    url = graphene.String(required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> InviteMember:
        invited = invitations.invite(
            actor=actor,
            email=arguments["email"],
            role=read_role(arguments["role"]),
            is_approver=bool(arguments["approver"]),
        )
        return cls(invitation=invited.invitation, url=invited.url)


class RevokeInvitation(HouseMutation):
    class Meta:
        permission = TenantPermission.INVITATION_MANAGE

    class Arguments:
        id = graphene.ID(required=True)

    invitation = graphene.Field(InvitationType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> RevokeInvitation:
        revoked = invitations.revoke_invitation(actor=actor, invitation_id=arguments["id"])
        return cls(invitation=revoked)


class CreateServiceAccount(HouseMutation):
    class Meta:
        permission = TenantPermission.SERVICE_ACCOUNT_MANAGE

    class Arguments:
        name = graphene.String(required=True)

    service_account = graphene.Field(ServiceAccountType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> CreateServiceAccount:
        made = service_accounts.create_service_account(actor=actor, **arguments)
        return cls(service_account=made)


class ChangeServiceAccount(HouseMutation):
    """Its keys are worth nothing while it is off."""

    class Meta:
        permission = TenantPermission.SERVICE_ACCOUNT_MANAGE

    class Arguments:
        id = graphene.ID(required=True)
        name = graphene.String()
        is_active = graphene.Boolean()
        expected_revision = graphene.Int(description=REVISION)

    service_account = graphene.Field(ServiceAccountType, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ChangeServiceAccount:
        account_id = arguments.pop("id")
        changed = service_accounts.change_service_account(
            actor=actor, account_id=account_id, **arguments
        )
        return cls(service_account=changed)


class Mutation(graphene.ObjectType):
    create_organization = CreateOrganization.Field()
    update_organization = UpdateOrganization.Field()
    change_member = ChangeMember.Field()
    remove_member = RemoveMember.Field()
    invite_member = InviteMember.Field()
    revoke_invitation = RevokeInvitation.Field()
    create_service_account = CreateServiceAccount.Field()
    change_service_account = ChangeServiceAccount.Field()
