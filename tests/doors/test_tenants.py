"""REST: organisations, members, invitations, service accounts, and one's own login."""

from __future__ import annotations

from typing import Any

from apps.core.actor import Role
from apps.tenants.permissions import TenantPermission
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.tenants import (
    PASSWORD,
    actor_of_login,
    log_in,
    make_invitation,
    make_member,
    make_organization,
    make_service_account,
)

BAD_NAMES = ["", " ", "a" * 256, "a\nb", "a\u202eb", "\u0007"]


class TestOrganizations(RestDoor):
    calls = (
        Call("GET", "/api/v1/organizations", TenantPermission.ORGANIZATION_VIEW),
        Call(
            "POST",
            "/api/v1/organizations",
            TenantPermission.ORGANIZATION_CREATE,
            body={"name": "New", "slug": "new"},
            status=201,
            wrong={"name": BAD_NAMES, "slug": ["", "a b", "ä", "a" * 51, "a/b"]},
        ),
        Call("GET", "/api/v1/organizations/current", TenantPermission.ORGANIZATION_VIEW),
        Call(
            "PATCH",
            "/api/v1/organizations/current",
            TenantPermission.ORGANIZATION_CHANGE,
            body={"name": "Renamed"},
            has_revision=True,
            wrong={"name": BAD_NAMES},
        ),
    )


class TestMembers(RestDoor):
    calls = (
        Listing("GET", "/api/v1/members", TenantPermission.MEMBER_VIEW),
        Call("GET", "/api/v1/members/{id}", TenantPermission.MEMBER_VIEW),
        Call(
            "PATCH",
            "/api/v1/members/{id}",
            TenantPermission.MEMBER_MANAGE,
            body={"role": "viewer", "approver": False},
            has_revision=True,
            wrong={"role": ["", "service", "owner"]},
        ),
        Call("DELETE", "/api/v1/members/{id}", TenantPermission.MEMBER_MANAGE, status=204),
    )

    def make(self, place: Place) -> str:
        return str(make_member(place.organization, Role.USER, is_approver=True).public_id)


class TestInvitations(RestDoor):
    calls = (
        Listing("GET", "/api/v1/invitations", TenantPermission.INVITATION_MANAGE),
        Call(
            "POST",
            "/api/v1/invitations",
            TenantPermission.INVITATION_MANAGE,
            body={"email": "grace@example.com", "role": "user", "approver": False},
            status=201,
            secrets=("url",),
            wrong={
                "email": ["", "nobody", "a@b", "a@b.c\nd", "a" * 300 + "@b.cd"],
                "role": ["service"],
            },
        ),
        Call("GET", "/api/v1/invitations/{id}", TenantPermission.INVITATION_MANAGE),
        Call("DELETE", "/api/v1/invitations/{id}", TenantPermission.INVITATION_MANAGE, status=204),
    )

    def make(self, place: Place) -> str:
        return str(make_invitation(place.organization)[0].public_id)


class TestAcceptance(RestDoor):
    calls = (
        Call(
            "POST",
            "/api/v1/invitations/accept",
            public=True,
            body={"token": "t", "name": "Grace", "password": PASSWORD},
            status=201,
            wrong={"token": ["", "a" * 101], "name": BAD_NAMES, "password": ["", "a" * 1025]},
        ),
    )

    def body_for(self, call: Call, place: Place) -> dict[str, Any]:
        return {**(call.body or {}), "token": make_invitation(place.organization)[1]}


class TestServiceAccounts(RestDoor):
    calls = (
        Listing("GET", "/api/v1/service-accounts", TenantPermission.SERVICE_ACCOUNT_VIEW),
        Call(
            "POST",
            "/api/v1/service-accounts",
            TenantPermission.SERVICE_ACCOUNT_MANAGE,
            body={"name": "nightly"},
            status=201,
            wrong={"name": ["", " ", "a" * 101, "a\nb"]},
        ),
        Call("GET", "/api/v1/service-accounts/{id}", TenantPermission.SERVICE_ACCOUNT_VIEW),
        Call(
            "PATCH",
            "/api/v1/service-accounts/{id}",
            TenantPermission.SERVICE_ACCOUNT_MANAGE,
            body={"name": "renamed", "is_active": False},
            has_revision=True,
            wrong={"name": ["", " ", "a" * 101, "a\nb"]},
        ),
    )

    def make(self, place: Place) -> str:
        return str(make_service_account(place.organization).public_id)


class TestLogin(RestDoor):
    calls = (
        Call(
            "POST",
            "/api/v1/auth/login",
            public=True,
            body={"email": "a@example.com", "password": PASSWORD, "organization": "acme"},
            wrong={"email": ["", "a" * 255], "password": ["", "a" * 1025], "organization": [""]},
        ),
        Call(
            "POST",
            "/api/v1/auth/refresh",
            public=True,
            body={"refresh": "t"},
            wrong={"refresh": [""]},
        ),
        Call("POST", "/api/v1/auth/logout", body={"refresh": "t"}, status=204, replays=False),
        Call("POST", "/api/v1/auth/switch", body={"organization": "other"}, replays=False),
        Call(
            "POST",
            "/api/v1/auth/password",
            body={"current_password": PASSWORD, "new_password": f"{PASSWORD} anew"},
            status=204,
            replays=False,
            wrong={"current_password": [""], "new_password": ["", "short", "a" * 1025]},
        ),
        Call("GET", "/api/v1/auth/me"),
    )

    def body_for(self, call: Call, place: Place) -> dict[str, Any] | None:
        match call.path.rpartition("/")[2]:
            case "login":
                return {
                    "email": place.admin.user.email,
                    "password": PASSWORD,
                    "organization": place.organization.slug,
                }
            case "refresh":
                return {"refresh": log_in(place.admin).refresh}
            case "logout":
                return {"refresh": self.log_in_behind_the_key(place).refresh}
            case "switch":
                self.log_in_behind_the_key(place)
                other = make_organization()
                make_member(other, user=place.admin.user)
                return {"organization": other.slug}
        return call.body

    def log_in_behind_the_key(self, place: Place) -> Any:
        """The token stands for a login that is open, as an access token would."""
        logged_in = log_in(place.admin)
        place.tokens.identities[place.key] = actor_of_login(logged_in).identity
        return logged_in
