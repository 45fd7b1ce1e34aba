from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from apps.core import bus
from apps.core.actor import CredentialKind, Role
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied, Unauthenticated
from apps.core.models import ChangeMark
from apps.core.tenancy import organization_scope
from apps.tenants import topics
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import BadCredentials, InvalidToken
from apps.tenants.models import LoginSession, Membership, Organization, User
from apps.tenants.queries.identities import identity_of_access_token
from apps.tenants.services import sessions
from tests.factories.tenants import (
    PASSWORD,
    actor_of,
    actor_of_login,
    log_in,
    make_admin,
    make_member,
    make_organization,
    make_user,
)

pytestmark = pytest.mark.django_db

VISIT = Visit(address="192.0.2.1", user_agent="tests", request_id="req_test")


def enter(
    email: str, password: str = PASSWORD, organization: str | None = None
) -> sessions.LoggedIn:
    return sessions.log_in(email=email, password=password, organization=organization, visit=VISIT)


def renew(token: str) -> sessions.LoggedIn:
    return sessions.refresh(refresh_token=token, visit=VISIT)


def is_alive(access: str) -> bool:
    try:
        identity_of_access_token(access)
    except Unauthenticated:
        return False
    return True


def test_log_in_opens_a_login_in_the_first_organization(facts: list[bus.Fact]) -> None:
    member = make_admin()
    make_member(user=member.user)

    logged_in = enter(member.user.email.upper())

    session = LoginSession._base_manager.get()
    assert (logged_in.user, logged_in.organization, logged_in.role) == (
        member.user,
        member.organization,
        "admin",
    )
    assert (logged_in.expires_in, logged_in.pause) == (3600, 0.0)
    assert (session.user_id, session.address, session.user_agent) == (
        member.user_id,
        "192.0.2.1",
        "tests",
    )
    assert [(fact.topic, fact.object_id) for fact in facts] == [
        (topics.SESSION_OPENED, session.public_id)
    ]
    assert facts[0].actor is not None
    assert facts[0].actor.credential.id == session.public_id


def test_log_in_keeps_no_token_in_the_database() -> None:
    logged_in = log_in(make_member())

    session = LoginSession._base_manager.get()
    claims = jwt.decode(logged_in.refresh, options={"verify_signature": False})
    assert claims["jti"] not in str(vars(session))


def test_log_in_puts_what_is_promised_into_the_tokens() -> None:
    member = make_admin()

    logged_in = log_in(member)

    session = LoginSession._base_manager.get()
    for token, kind, lifetime in (
        (logged_in.access, "access", 3600),
        (logged_in.refresh, "refresh", 30 * 86400),
    ):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims.pop("exp") - claims.pop("iat") == lifetime
        assert len(claims.pop("jti")) == 32
        assert claims == {
            "iss": "signalbox",
            "aud": "signalbox",
            "type": kind,
            "sub": member.user.public_id,
            "org": member.organization.public_id,
            "role": "admin",
            "ver": 1,
            "sid": session.public_id,
        }


@pytest.mark.parametrize("name", ["slug", "public_id"])
def test_log_in_opens_the_organization_that_is_named(name: str) -> None:
    first = make_member()
    second = make_member(user=first.user)

    logged_in = enter(first.user.email, organization=getattr(second.organization, name))

    assert logged_in.organization == second.organization


@pytest.mark.parametrize("name", ["slug", "public_id"])
def test_log_in_refuses_anothers_organization_like_one_that_is_not(name: str) -> None:
    member = make_member()
    elsewhere = make_organization()

    refusals = []
    for organization in (getattr(elsewhere, name), "nowhere"):
        with pytest.raises(Invalid) as caught:
            enter(member.user.email, organization=organization)
        refusals.append((caught.value.code, caught.value.message, caught.value.fields))

    assert refusals[0] == refusals[1]


def test_log_in_refuses_who_belongs_nowhere() -> None:
    user = make_user()

    with pytest.raises(PermissionDenied) as caught:
        enter(user.email)

    assert caught.value.code == "no_organization"


def test_log_in_answers_wrong_unknown_and_switched_off_alike() -> None:
    member = make_member()
    off = make_member(user=make_user(is_active=False))

    refusals = []
    for email, password in (
        (member.user.email, "wrong"),
        ("nobody@example.com", PASSWORD),
        (off.user.email, PASSWORD),
        ("", ""),
    ):
        with pytest.raises(BadCredentials) as caught:
            enter(email, password)
        refusals.append((caught.value.code, caught.value.message, caught.value.data))

    assert refusals == [refusals[0]] * 4


def test_log_in_is_refused_where_tokens_are_off(settings: Any) -> None:
    member = make_member()
    settings.SIGNALBOX_JWT_ENABLED = False

    with pytest.raises(PermissionDenied) as caught:
        log_in(member)

    assert caught.value.code == "jwt_disabled"


def test_refresh_gives_a_new_pair_and_the_old_one_is_dead() -> None:
    first = log_in(make_member())

    second = renew(first.refresh)
    third = renew(second.refresh)

    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert is_alive(third.access)


def test_refresh_replayed_ends_the_login(facts: list[bus.Fact]) -> None:
    first = log_in(make_member())
    second = renew(first.refresh)

    with pytest.raises(InvalidToken):
        renew(first.refresh)

    assert (is_alive(first.access), is_alive(second.access)) == (False, False)
    with pytest.raises(InvalidToken):
        renew(second.refresh)
    assert [fact.topic for fact in facts] == [topics.SESSION_OPENED, topics.SESSION_REPLAYED]
    assert facts[-1].data == {"shown_from": "192.0.2.1"}


def test_refresh_replayed_ends_that_login_alone() -> None:
    member = make_member()
    first, other = log_in(member), log_in(member)
    renew(first.refresh)

    with pytest.raises(InvalidToken):
        renew(first.refresh)

    assert is_alive(other.access)


def test_refresh_tells_other_processes_of_a_replay() -> None:
    member = make_member()
    first = log_in(member)
    renew(first.refresh)
    before = ChangeMark.objects.count()

    with pytest.raises(InvalidToken):
        renew(first.refresh)

    assert before == 0
    assert ChangeMark.objects.filter(scope=f"identity:{member.organization.public_id}").exists()


def test_refresh_carries_the_role_of_today() -> None:
    member = make_member()
    first = log_in(member)
    Membership._base_manager.filter(pk=member.pk).update(role=Role.VIEWER)

    assert renew(first.refresh).role == "viewer"


@pytest.mark.parametrize(
    "end",
    [
        lambda member: User.objects.update(token_version=2),
        lambda member: User.objects.update(is_active=False),
        lambda member: Membership._base_manager.all().delete(),
        lambda member: LoginSession._base_manager.update(revoked_at=timezone.now()),
        lambda member: LoginSession._base_manager.all().delete(),
    ],
    ids=["version", "switched_off", "removed", "ended", "forgotten"],
)
def test_refresh_is_refused_once_the_login_is_over(end: Callable[[Membership], object]) -> None:
    member = make_member()
    logged_in = log_in(member)
    end(member)

    with pytest.raises(InvalidToken):
        renew(logged_in.refresh)


def test_refresh_refuses_an_access_token() -> None:
    logged_in = log_in(make_member())

    with pytest.raises(InvalidToken):
        renew(logged_in.access)

    assert is_alive(logged_in.access)


def test_log_out_ends_both_tokens(facts: list[bus.Fact]) -> None:
    member = make_member()
    logged_in = log_in(member)

    with organization_scope(member.organization_id):
        sessions.log_out(actor=actor_of_login(logged_in), refresh_token=logged_in.refresh)

    assert not is_alive(logged_in.access)
    with pytest.raises(InvalidToken):
        renew(logged_in.refresh)
    assert [fact.topic for fact in facts] == [topics.SESSION_OPENED, topics.SESSION_CLOSED]


def test_log_out_refuses_the_refresh_token_of_another_login() -> None:
    member = make_member()
    one, other = log_in(member), log_in(member)

    with pytest.raises(Invalid), organization_scope(member.organization_id):
        sessions.log_out(actor=actor_of_login(one), refresh_token=other.refresh)

    assert (is_alive(one.access), is_alive(other.access)) == (True, True)


@pytest.mark.parametrize("kind", [CredentialKind.KEY, CredentialKind.SESSION])
def test_log_out_is_for_logins_alone(kind: CredentialKind) -> None:
    member = make_member()

    with pytest.raises(Conflict) as caught:
        sessions.log_out(actor=actor_of(member, kind))

    assert caught.value.code == "not_a_login"


def test_switch_organization_moves_the_login(facts: list[bus.Fact]) -> None:
    member = make_member()
    other = make_admin(user=member.user)
    logged_in = log_in(member)

    with organization_scope(member.organization_id):
        switched = sessions.switch_organization(
            actor=actor_of_login(logged_in), organization=other.organization.slug, visit=VISIT
        )

    assert not is_alive(logged_in.access)
    identity = identity_of_access_token(switched.access)
    assert (identity.organization, identity.role) == (other.organization.public_id, Role.ADMIN)
    assert [(fact.topic, fact.organization_id) for fact in facts] == [
        (topics.SESSION_OPENED, member.organization_id),
        (topics.SESSION_CLOSED, member.organization_id),
        (topics.SESSION_OPENED, other.organization_id),
    ]


def test_switch_organization_refuses_anothers_and_keeps_the_login() -> None:
    member = make_member()
    elsewhere = make_organization()
    logged_in = log_in(member)

    with pytest.raises(Invalid), organization_scope(member.organization_id):
        sessions.switch_organization(
            actor=actor_of_login(logged_in), organization=elsewhere.public_id, visit=VISIT
        )

    assert is_alive(logged_in.access)


def test_forget_ended_drops_what_is_long_over_in_every_organization() -> None:
    long_ago = timezone.now() - timedelta(days=31)
    old, expired, fresh = (log_in(make_member()) for _ in range(3))
    del old, expired
    ids = list(LoginSession._base_manager.order_by("pk").values_list("pk", flat=True))
    LoginSession._base_manager.filter(pk=ids[0]).update(revoked_at=long_ago)
    LoginSession._base_manager.filter(pk=ids[1]).update(expires_at=long_ago)

    dropped = sessions.forget_ended()

    assert dropped == 2
    assert list(LoginSession._base_manager.values_list("pk", flat=True)) == [ids[2]]
    assert is_alive(fresh.access)


def test_end_login_ends_somebody_s(organization: Organization, admin: Membership) -> None:
    login = log_in(make_member(organization))
    session = LoginSession.objects.get()

    for _ in range(2):
        sessions.end_login(actor=actor_of(admin), session_id=session.public_id)

    assert not is_alive(login.access)


def test_end_login_finds_none_elsewhere(admin: Membership, stranger: Membership) -> None:
    login = log_in(stranger)
    session = LoginSession._base_manager.get()

    with pytest.raises(NotFound):
        sessions.end_login(actor=actor_of(admin), session_id=session.public_id)

    assert is_alive(login.access)


def test_end_login_is_for_administrators(organization: Organization) -> None:
    member = make_member(organization)
    log_in(member)

    with pytest.raises(PermissionDenied):
        sessions.end_login(actor=actor_of(member), session_id=LoginSession.objects.get().public_id)
