from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.core import changes
from apps.core.actor import CredentialKind, Role
from apps.core.authentication import check_presence
from apps.core.errors import PermissionDenied, Unauthenticated
from apps.core.permissions import permissions_of
from apps.keys import authenticator as module
from apps.keys.authenticator import CachingAuthenticator
from apps.keys.domain import secrets
from apps.keys.models import ApiKey
from apps.keys.services import keys, uses
from apps.tenants.models import LoginSession, Membership
from apps.tenants.services import members
from tests.factories.keys import make_key
from tests.factories.tenants import actor_of, log_in, make_admin, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def trusted(db: None, authenticator: CachingAuthenticator) -> None:
    changes.poll_changes()


def id_of(identity: Any) -> str | None:
    return None if identity is None else identity.credential.id


def test_recall_knows_nothing_before_identify(authenticator, user):
    assert authenticator.recall(make_key(user).secret) is None
    assert authenticator.recall("") is None
    assert authenticator.recall("a.b.c") is None
    assert authenticator.recall("\ud800") is None


def test_recall_touches_no_database(authenticator, user, django_assert_num_queries: Any):
    issued = make_key(user)
    identity = authenticator.identify(issued.secret)

    with django_assert_num_queries(0):
        recalled = authenticator.recall(issued.secret)

    assert recalled == identity
    assert identity.credential.id == issued.key.public_id


def test_access_token_is_recalled_too(authenticator, user, django_assert_num_queries: Any):
    access = log_in(user).access
    identity = authenticator.identify(access)

    with django_assert_num_queries(0):
        assert authenticator.recall(access) == identity
    assert identity.credential.kind is CredentialKind.JWT


@pytest.mark.parametrize(
    "token", ["", "ltb_", "word", "a.b", "a.b.c", "a.b.c.d", "\ud800", "é" * 47]
)
def test_identify_refuses_what_is_no_token(authenticator, token):
    with pytest.raises(Unauthenticated):
        authenticator.identify(token)


@pytest.mark.parametrize("token", ["", "word", "\x00", "ltb_" + "\x00" * 43])
def test_identify_asks_no_database_about_what_cannot_be_a_key(
    authenticator, token, django_assert_num_queries: Any
):
    with django_assert_num_queries(0), pytest.raises(Unauthenticated):
        authenticator.identify(token)


def test_memory_holds_no_token(authenticator, user):
    secret = make_key(user).secret
    authenticator.identify(secret)

    assert secret not in repr(vars(authenticator))


def test_unknown_keys_are_not_remembered(authenticator):
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            authenticator.identify(secrets.new_secret("ltb_"))

    assert len(authenticator._known) == 0


# ---------------------------------------------------------------- news


def test_revoked_key_is_dead_at_once_in_this_process(
    authenticator, user, django_capture_on_commit_callbacks: Any
):
    issued = make_key(user)
    authenticator.identify(issued.secret)

    with django_capture_on_commit_callbacks(execute=True):
        keys.revoke_key(actor=actor_of(user), key_id=issued.key.public_id)

    assert authenticator.recall(issued.secret) is None
    with pytest.raises(Unauthenticated) as error:
        authenticator.identify(issued.secret)
    assert error.value.code == "key_revoked"


def test_news_from_another_process_is_heard_at_the_next_poll(authenticator, user, admin):
    issued, other = make_key(user), make_key(make_admin())
    for each in (issued, other):
        authenticator.identify(each.secret)

    # Within the test's transaction nothing commits, so this process hears of it by the table alone.
    keys.revoke_key(actor=actor_of(admin), key_id=issued.key.public_id)
    assert id_of(authenticator.recall(issued.secret)) == issued.key.public_id
    changes.poll_changes()

    assert authenticator.recall(issued.secret) is None
    assert id_of(authenticator.recall(other.secret)) == other.key.public_id


def test_demotion_shrinks_a_remembered_key(authenticator, admin):
    other = make_admin(admin.organization)
    secret = make_key(other).secret
    assert authenticator.identify(secret).permissions == permissions_of(Role.ADMIN)

    members.change_member(actor=actor_of(admin), member_id=other.public_id, role=Role.VIEWER)
    changes.poll_changes()

    assert authenticator.recall(secret) is None
    assert authenticator.identify(secret).permissions == permissions_of(Role.VIEWER)


def test_removal_ends_keys_and_tokens(authenticator, admin):
    other = make_member(admin.organization)
    key, access = make_key(other).secret, log_in(other).access
    for token in (key, access):
        authenticator.identify(token)

    members.remove_member(actor=actor_of(admin), member_id=other.public_id)
    changes.poll_changes()

    for token in (key, access):
        assert authenticator.recall(token) is None
        with pytest.raises(Unauthenticated):
            authenticator.identify(token)


def test_key_of_a_leaver_stays_dead_when_they_return(authenticator, admin, facts):
    other = make_member(admin.organization)
    issued = make_key(other)
    elsewhere = make_key(make_member(user=other.user))

    members.remove_member(actor=actor_of(admin), member_id=other.public_id)
    Membership.objects.create(organization=admin.organization, user=other.user, role=Role.USER)

    with pytest.raises(Unauthenticated) as error:
        authenticator.identify(issued.secret)
    assert error.value.code == "key_revoked"
    assert id_of(authenticator.identify(elsewhere.secret)) == elsewhere.key.public_id
    assert [fact.object_id for fact in facts if fact.topic == "keys.key.revoked"] == [
        issued.key.public_id
    ]


def test_logout_elsewhere_ends_a_remembered_token(authenticator, user):
    access = log_in(user).access
    authenticator.identify(access)

    LoginSession.objects.update(revoked_at=timezone.now())
    changes.announce_change(f"identity:{user.organization.public_id}")
    changes.poll_changes()

    assert authenticator.recall(access) is None


def test_bare_scope_drops_everything(authenticator, user, stranger):
    tokens = [make_key(owner).secret for owner in (user, stranger)]
    for token in tokens:
        authenticator.identify(token)

    authenticator.forget(module.SCOPE)

    assert [authenticator.recall(token) for token in tokens] == [None, None]
    assert (len(authenticator._known), len(authenticator._by_organization)) == (0, 0)


# ---------------------------------------------------------------- the race


def in_flight(authenticator: CachingAuthenticator, monkeypatch: Any, happening: Any) -> None:
    """Let something happen between a look-up's reading and its being remembered."""
    look_up = module.identity_of_key

    def slowly(token: str) -> Any:
        identity = look_up(token)
        happening()
        return identity

    monkeypatch.setattr(module, "identity_of_key", slowly)


def test_news_during_a_lookup_is_not_overwritten(authenticator, user, monkeypatch):
    issued = make_key(user)

    def revoke() -> None:
        keys.revoke_key(actor=actor_of(user), key_id=issued.key.public_id)
        changes.poll_changes()

    in_flight(authenticator, monkeypatch, revoke)

    stale = authenticator.identify(issued.secret)

    assert stale.credential.id == issued.key.public_id  # this one call began before the revocation
    assert authenticator.recall(issued.secret) is None


def test_news_of_everything_during_a_lookup_is_not_overwritten(authenticator, user, monkeypatch):
    secret = make_key(user).secret
    in_flight(authenticator, monkeypatch, lambda: authenticator.forget(module.SCOPE))

    authenticator.identify(secret)

    assert authenticator.recall(secret) is None


def test_news_of_another_organization_during_a_lookup_does_not_matter(
    authenticator, user, stranger, monkeypatch
):
    issued = make_key(user)
    scope = f"{module.SCOPE}{stranger.organization.public_id}"
    in_flight(authenticator, monkeypatch, lambda: authenticator.forget(scope))

    authenticator.identify(issued.secret)

    assert id_of(authenticator.recall(issued.secret)) == issued.key.public_id


# ---------------------------------------------------------------- trust and age


def test_recall_forgets_when_no_news_can_reach_it(authenticator, user, monkeypatch):
    issued = make_key(user)
    authenticator.identify(issued.secret)

    now = changes.monotonic()
    monkeypatch.setattr(changes, "monotonic", lambda: now + changes.TRUST_SECONDS + 1)
    assert authenticator.recall(issued.secret) is None

    changes.poll_changes()
    assert id_of(authenticator.recall(issued.secret)) == issued.key.public_id


def test_remembered_key_dies_at_its_end(authenticator, user):
    issued = make_key(user, expires_at=timezone.now() + timedelta(days=1))
    identity = authenticator.identify(issued.secret)
    assert identity.expires_at is not None

    ApiKey.objects.update(expires_at=timezone.now())
    (name,) = authenticator._known
    authenticator._known[name] = replace(identity, expires_at=timezone.now())

    assert authenticator.recall(issued.secret) is None
    with pytest.raises(Unauthenticated) as error:
        authenticator.identify(issued.secret)
    assert error.value.code == "key_expired"


def test_oldest_in_use_goes_first(user):
    authenticator = CachingAuthenticator(capacity=2)
    tokens = [make_key(user).secret for _ in range(3)]
    for token in tokens[:2]:
        authenticator.identify(token)
    authenticator.recall(tokens[0])

    authenticator.identify(tokens[2])

    known = [authenticator.recall(token) is not None for token in tokens]
    assert known == [True, False, True]


def test_memory_is_bounded_with_its_index(user, stranger):
    authenticator = CachingAuthenticator(capacity=3)
    for owner in (stranger, *[user] * 10):
        authenticator.identify(make_key(owner).secret)

    assert len(authenticator._known) == 3
    assert {name: len(names) for name, names in authenticator._by_organization.items()} == {
        user.organization.public_id: 3
    }


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("10.1.2.3", True),
        ("11.0.0.1", False),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("", False),
        ("not an address", False),
        ("10.0.0.1, 11.0.0.1", False),
    ],
)
def test_addresses_hold_at_each_use(authenticator, user, address, is_allowed):
    secret = make_key(user, addresses=["10.0.0.0/8", "2001:db8::/32"]).secret
    authenticator.identify(secret)
    identity = authenticator.recall(secret)

    if is_allowed:
        check_presence(identity, address)
    else:
        with pytest.raises(PermissionDenied) as error:
            check_presence(identity, address)
        assert error.value.code == "address_not_allowed"


# ---------------------------------------------------------------- uses and sessions


def test_recall_and_identify_note_the_use(authenticator, user):
    first, second = make_key(user), make_key(user)
    authenticator.identify(first.secret)
    assert set(uses._used) == {first.key.public_id}

    uses._used.clear()
    authenticator.identify(second.secret)
    authenticator.recall(first.secret)
    assert set(uses._used) == {first.key.public_id, second.key.public_id}


def test_tokens_of_people_are_no_use_of_a_key(authenticator, user):
    access = log_in(user).access
    authenticator.identify(access)
    authenticator.recall(access)

    assert uses._used == {}


def test_refused_keys_are_not_noted(authenticator, user):
    issued = make_key(user)
    with transaction.atomic():
        keys.revoke_key(actor=actor_of(user), key_id=issued.key.public_id)

    with pytest.raises(Unauthenticated):
        authenticator.identify(issued.secret)

    assert uses._used == {}


def test_identify_session_refuses_an_unknown_one(authenticator):
    with pytest.raises(Unauthenticated):
        authenticator.identify_session("nosuchsession")
