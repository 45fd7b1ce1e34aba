"""Organisations, people and actors for tests. Each call makes something new, so names never clash."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from apps.core.actor import Actor, Credential, CredentialKind, Role
from apps.core.tenancy import organization_scope
from apps.tenants.domain.invitations import digest_of, new_token
from apps.tenants.domain.visit import Visit
from apps.tenants.models import Invitation, Membership, Organization, ServiceAccount, User
from apps.tenants.queries import identities
from apps.tenants.services import sessions

PASSWORD = "correct horse battery staple"
_numbers = count(1)


def make_organization(**values: Any) -> Organization:
    number = next(_numbers)
    return Organization.objects.create(
        **{"slug": f"org-{number}", "name": f"Organization {number}", **values}
    )


def make_user(*, password: str = PASSWORD, **values: Any) -> User:
    number = next(_numbers)
    user = User(**{"email": f"person{number}@example.com", "name": f"Person {number}", **values})
    user.set_password(password)
    user.save()
    return user


def make_member(
    organization: Organization | None = None,
    role: Role = Role.USER,
    *,
    user: User | None = None,
    is_approver: bool = False,
) -> Membership:
    place = organization or make_organization()
    with organization_scope(place.pk):
        return Membership.objects.create(
            organization=place, user=user or make_user(), role=role, is_approver=is_approver
        )


def make_admin(organization: Organization | None = None, **values: Any) -> Membership:
    return make_member(organization, Role.ADMIN, **values)


def make_service_account(organization: Organization, **values: Any) -> ServiceAccount:
    with organization_scope(organization.pk):
        return ServiceAccount.objects.create(
            organization=organization, **{"name": f"program-{next(_numbers)}", **values}
        )


def make_invitation(organization: Organization, **values: Any) -> tuple[Invitation, str]:
    """An open invitation and the token of its link."""
    token = new_token()
    given = {
        "email": f"guest{next(_numbers)}@example.com",
        "role": Role.USER,
        "token_digest": digest_of(token),
        "expires_at": timezone.now() + timedelta(days=7),
        **values,
    }
    with organization_scope(organization.pk):
        return Invitation.objects.create(organization=organization, **given), token


def actor_of(membership: Membership, kind: CredentialKind = CredentialKind.JWT) -> Actor:
    """What a door would hand to a service; the test enters the organisation itself."""
    identity = identities.identity_of_member(
        user_id=membership.user_id,
        organization_id=membership.organization_id,
        credential=Credential(kind, f"{kind.value}_of_{membership.public_id}"),
    )
    assert identity is not None
    return Actor(identity, request_id="req_test", address="192.0.2.1")


def actor_of_account(account: ServiceAccount) -> Actor:
    identity = identities.identity_of_service_account(
        service_account_id=account.pk, credential=Credential(CredentialKind.KEY, "key_of_account")
    )
    assert identity is not None
    return Actor(identity, request_id="req_test", address="192.0.2.1")


def log_in(membership: Membership, *, password: str = PASSWORD) -> sessions.LoggedIn:
    return sessions.log_in(
        email=membership.user.email,
        password=password,
        organization=membership.organization.public_id,
        visit=Visit(address="192.0.2.1", user_agent="tests"),
    )


def actor_of_login(logged_in: sessions.LoggedIn) -> Actor:
    return Actor(identities.identity_of_access_token(logged_in.access), "req_test", "192.0.2.1")
