"""People, organisations and logins for the operator. Secrets are not shown; every change is a service's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.actor import Actor, Role
from apps.core.admin import OperatorAdmin, say_refusal
from apps.core.errors import AppError
from apps.core.tenancy import organization_scope
from apps.tenants.models import (
    Invitation,
    LoginSession,
    Membership,
    Organization,
    ServiceAccount,
    User,
)
from apps.tenants.queries.identities import identity_of_operator
from apps.tenants.services import (
    invitations,
    members,
    organizations,
    people,
    service_accounts,
    sessions,
)

NOWHERE = Organization(pk=0)
"""Where the operator acts on what belongs to no organisation, or to many."""


def operator(request: Any, organization: Organization = NOWHERE) -> Actor:
    identity = identity_of_operator(request.user, request.session.session_key or "", organization)
    return Actor(identity, getattr(request, "request_id", ""), getattr(request, "address", ""))


def each(request: HttpRequest, rows: QuerySet[Any], deed: Callable[[Actor, Any], object]) -> None:
    """A deed on every chosen row, in its own organisation; refusals are said, the rest is done."""
    done = 0
    for row in rows:
        try:
            with organization_scope(row.organization_id):
                deed(operator(request, row.organization), row)
            done += 1
        except AppError as error:
            say_refusal(request, error)
    messages.success(request, _("Done: %(count)d") % {"count": done})


@admin.register(User)
class UserAdmin(OperatorAdmin):
    can_change = True
    list_display = ("email", "name", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("public_id", "email", "name", "is_active", "is_staff", "created_at", "last_login")
    readonly_fields = ("public_id", "email", "created_at", "last_login")

    def write(self, request: HttpRequest, row: User, values: Mapping[str, Any]) -> User:
        return people.update_user(
            actor=operator(request),
            user_id=row.pk,
            name=values["name"],
            is_active=values["is_active"],
            is_staff=values["is_staff"],
        )


@admin.register(Organization)
class OrganizationAdmin(OperatorAdmin):
    can_add = can_change = True
    list_display = ("name", "slug", "public_id", "created_at")
    search_fields = ("name", "slug")
    fields = ("public_id", "name", "slug", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("public_id", "created_at") if obj is None else ("public_id", "slug", "created_at")

    def write(
        self, request: HttpRequest, row: Organization, values: Mapping[str, Any]
    ) -> Organization:
        if not row.pk:
            return organizations.create_organization(
                actor=operator(request), name=values["name"], slug=values["slug"]
            )
        return organizations.update_organization(actor=operator(request, row), name=values["name"])


class OwnedAdmin(OperatorAdmin):
    """Rows of organisations."""

    list_filter: ClassVar[Any] = (("organization", admin.RelatedOnlyFieldListFilter),)


@admin.register(Membership)
class MembershipAdmin(OwnedAdmin):
    can_change = can_delete = True
    list_display = ("user", "organization", "role", "is_approver", "created_at")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "user__name")
    fields = ("public_id", "organization", "user", "role", "is_approver", "created_at")
    readonly_fields = ("public_id", "organization", "user", "created_at")

    def write(self, request: HttpRequest, row: Membership, values: Mapping[str, Any]) -> Membership:
        with organization_scope(row.organization_id):
            return members.change_member(
                actor=operator(request, row.organization),
                member_id=row.public_id,
                role=Role(values["role"]),
                is_approver=values["is_approver"],
            )

    def remove(self, request: HttpRequest, row: Membership) -> None:
        with organization_scope(row.organization_id):
            members.remove_member(
                actor=operator(request, row.organization), member_id=row.public_id
            )


@admin.register(ServiceAccount)
class ServiceAccountAdmin(OwnedAdmin):
    can_change = True
    list_display = ("name", "organization", "is_active", "created_by", "created_at")
    list_select_related = ("organization", "created_by")
    search_fields = ("name",)
    fields = ("public_id", "organization", "name", "is_active", "created_by", "created_at")
    readonly_fields = ("public_id", "organization", "created_by", "created_at")

    def write(
        self, request: HttpRequest, row: ServiceAccount, values: Mapping[str, Any]
    ) -> ServiceAccount:
        with organization_scope(row.organization_id):
            return service_accounts.change_service_account(
                actor=operator(request, row.organization),
                account_id=row.public_id,
                name=values["name"],
                is_active=values["is_active"],
            )


@admin.register(Invitation)
class InvitationAdmin(OwnedAdmin):
    can_add = True
    list_display = (
        "email",
        "organization",
        "role",
        "is_approver",
        "expires_at",
        "accepted_at",
        "revoked_at",
    )
    list_select_related = ("organization",)
    search_fields = ("email",)
    actions = ("revoke",)
    fields = ("organization", "email", "role", "is_approver")

    def write(self, request: HttpRequest, row: Invitation, values: Mapping[str, Any]) -> Invitation:
        organization = values["organization"]
        with organization_scope(organization.pk):
            invited = invitations.invite(
                actor=operator(request, organization),
                email=values["email"],
                role=Role(values["role"]),
                is_approver=values["is_approver"],
            )
        messages.warning(request, _("The link, shown this once: %(url)s") % {"url": invited.url})
        return invited.invitation

    @admin.action(description=gettext_lazy("Revoke the chosen invitations"), permissions=["view"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Invitation]) -> None:
        each(
            request,
            rows.select_related("organization"),
            lambda actor, row: invitations.revoke_invitation(
                actor=actor, invitation_id=row.public_id
            ),
        )


@admin.register(LoginSession)
class LoginSessionAdmin(OwnedAdmin):
    list_display = ("user", "organization", "created_at", "refreshed_at", "revoked_at", "address")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "address")
    actions = ("end",)
    fields = (
        "public_id", "user", "organization", "created_at", "refreshed_at", "expires_at",
        "revoked_at", "address", "user_agent",
    )  # fmt: skip
    readonly_fields = fields

    @admin.action(description=gettext_lazy("End the chosen logins"), permissions=["view"])
    def end(self, request: HttpRequest, rows: QuerySet[LoginSession]) -> None:
        each(
            request,
            rows.select_related("organization"),
            lambda actor, row: sessions.end_login(actor=actor, session_id=row.public_id),
        )
