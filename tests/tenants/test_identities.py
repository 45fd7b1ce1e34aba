from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.actor import Credential, CredentialKind, Identity, Role
from apps.core.errors import Unauthenticated
from apps.core.permissions import permissions_of
from apps.tenants.errors import InvalidToken
from apps.tenants.models import LoginSession, Membership, Organization, User
from apps.tenants.queries import identities
from tests.factories.tenants import (
    PASSWORD,
    log_in,
    make_admin,
    make_member,
    make_organization,
    make_service_account,
    make_user,
)

pytestmark = pytest.mark.django_db

KEY = Credential(CredentialKind.KEY, "key_1")


def of_member(membership: Membership) -> Identity | None:
    return identities.identity_of_member(
        user_id=membership.user_id, organization_id=membership.organization_id, credential=KEY
    )


def test_identity_of_member_holds_plain_values_in_one_query(
    django_assert_num_queries: object,
) -> None:
    member = make_member(is_approver=True)
    make_member(user=member.user)

    with CaptureQueriesContext(connection) as queries:
        identity = of_member(member)

    assert len(queries) == 1
    assert identity == Identity(
        organization_id=member.organization_id,
        organization=member.organization.public_id,
        organization_slug=member.organization.slug,
        organization_name=member.organization.name,
        principal=member.user.public_id,
        name=member.user.name,
        email=member.user.email,
        role=Role.USER,
        permissions=permissions_of(Role.USER, is_approver=True),
        credential=KEY,
        user_id=member.user_id,
        is_approver=True,
    )


def test_identity_of_member_is_none_for_who_is_switched_off() -> None:
    member = make_member()
    User.objects.filter(pk=member.user_id).update(is_active=False)

    assert of_member(member) is None


def test_identity_of_member_is_none_elsewhere() -> None:
    member = make_member()
    elsewhere = make_organization()

    identity = identities.identity_of_member(
        user_id=member.user_id, organization_id=elsewhere.pk, credential=KEY
    )

    assert identity is None


def test_identity_of_service_account_is_of_the_role_service_in_one_query() -> None:
    account = make_service_account(make_organization())

    with CaptureQueriesContext(connection) as queries:
        identity = identities.identity_of_service_account(
            service_account_id=account.pk, credential=KEY
        )

    assert len(queries) == 1
    assert identity is not None
    assert (identity.role, identity.principal, identity.user_id, identity.service_account_id) == (
        Role.SERVICE,
        account.public_id,
        None,
        account.pk,
    )


def test_identity_of_service_account_is_none_when_switched_off() -> None:
    account = make_service_account(make_organization(), is_active=False)

    identity = identities.identity_of_service_account(service_account_id=account.pk, credential=KEY)

    assert identity is None


def test_identity_of_access_token_takes_one_query() -> None:
    member = make_admin()
    logged_in = log_in(member)

    with CaptureQueriesContext(connection) as queries:
        identity = identities.identity_of_access_token(logged_in.access)

    assert len(queries) == 1
    assert (identity.organization, identity.user_id, identity.role) == (
        member.organization.public_id,
        member.user_id,
        Role.ADMIN,
    )
    assert identity.credential.kind is CredentialKind.JWT
    assert identity.credential.id.startswith("ses_")
    assert identity.expires_at is not None
    assert timedelta(minutes=59) < identity.expires_at - timezone.now() <= timedelta(hours=1)


def test_identity_of_access_token_stays_in_the_organization_of_the_login() -> None:
    first = make_member()
    second = make_admin(user=first.user)

    identity = identities.identity_of_access_token(log_in(second).access)

    assert identity.organization == second.organization.public_id


def test_identity_of_access_token_refuses_a_refresh_token() -> None:
    logged_in = log_in(make_member())

    with pytest.raises(InvalidToken):
        identities.identity_of_access_token(logged_in.refresh)


def test_identity_of_access_token_ends_with_the_token_version() -> None:
    member = make_member()
    logged_in = log_in(member)
    User.objects.filter(pk=member.user_id).update(token_version=2)

    with pytest.raises(InvalidToken):
        identities.identity_of_access_token(logged_in.access)


def test_identity_of_access_token_ends_with_the_login() -> None:
    logged_in = log_in(make_member())
    LoginSession._base_manager.update(revoked_at=timezone.now())

    with pytest.raises(InvalidToken):
        identities.identity_of_access_token(logged_in.access)


def test_identity_of_access_token_ends_with_the_membership() -> None:
    member = make_member()
    logged_in = log_in(member)
    make_member(user=member.user)
    Membership._base_manager.filter(pk=member.pk).delete()

    with pytest.raises(InvalidToken):
        identities.identity_of_access_token(logged_in.access)


def test_identity_of_access_token_is_refused_where_tokens_are_off(settings: object) -> None:
    logged_in = log_in(make_member())
    settings.SIGNALBOX_JWT_ENABLED = False  # type: ignore[attr-defined]  # pytest-django's fixture

    with pytest.raises(InvalidToken):
        identities.identity_of_access_token(logged_in.access)


def browse(user: User, organization: Organization | None = None) -> str:
    """What django.contrib.auth.login leaves in the session."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    if organization is not None:
        store[identities.SESSION_ORGANIZATION] = organization.public_id
    store.create()
    assert store.session_key is not None
    return store.session_key


def test_identity_of_browser_session_takes_two_queries_and_the_first_organization() -> None:
    first = make_member()
    make_admin(user=first.user)
    key = browse(first.user)

    with CaptureQueriesContext(connection) as queries:
        identity = identities.identity_of_browser_session(key)

    assert len(queries) == 2
    assert identity.organization == first.organization.public_id
    assert identity.credential.kind is CredentialKind.SESSION
    assert key not in identity.credential.id


def test_identity_of_browser_session_follows_the_choice() -> None:
    first = make_member()
    second = make_admin(user=first.user)

    identity = identities.identity_of_browser_session(browse(first.user, second.organization))

    assert (identity.organization, identity.role) == (second.organization.public_id, Role.ADMIN)


def test_identity_of_browser_session_never_takes_another_than_the_chosen() -> None:
    member = make_member()

    with pytest.raises(Unauthenticated):
        identities.identity_of_browser_session(browse(member.user, make_organization()))


@pytest.mark.parametrize("what", ["password", "version", "switched_off", "removed"])
def test_identity_of_browser_session_ends(what: str) -> None:
    member = make_member()
    key = browse(member.user)
    match what:
        case "password":
            member.user.set_password("another " + PASSWORD)
            member.user.save()
        case "version":
            User.objects.update(token_version=2)
        case "switched_off":
            User.objects.update(is_active=False)
        case "removed":
            Membership._base_manager.all().delete()

    with pytest.raises(Unauthenticated):
        identities.identity_of_browser_session(key)


@pytest.mark.parametrize("key", ["", "x", "0" * 32, "'; drop table"])
def test_identity_of_browser_session_refuses_a_made_up_key(key: str) -> None:
    with pytest.raises(Unauthenticated):
        identities.identity_of_browser_session(key)


def test_identity_of_browser_session_refuses_an_anonymous_session() -> None:
    store = SessionStore()
    store["theme"] = "dark"
    store.create()
    assert store.session_key is not None

    with pytest.raises(Unauthenticated):
        identities.identity_of_browser_session(store.session_key)


def test_operator_is_marked() -> None:
    member = make_admin(user=make_user(is_staff=True))

    identity = of_member(member)

    assert identity is not None
    assert identity.is_operator is True
