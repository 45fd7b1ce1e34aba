from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import bcrypt
import pytest
from django.utils import timezone

from apps.core.actor import CredentialKind, Role
from apps.core.errors import Unauthenticated
from apps.core.limits.rates import parse_rate
from apps.core.permissions import permissions_of
from apps.core.tenancy import organization_scope
from apps.keys.domain import secrets
from apps.keys.models import ApiKey, KeySecret
from apps.keys.queries import identities
from apps.keys.queries.identities import identity_of_key
from apps.keys.services import keys
from tests.factories.keys import make_key
from tests.factories.tenants import (
    actor_of,
    make_admin,
    make_member,
    make_organization,
    make_service_account,
)

pytestmark = pytest.mark.django_db


def refusal(secret: str) -> tuple[str, str]:
    with pytest.raises(Unauthenticated) as error:
        identity_of_key(secret)
    return error.value.code, error.value.message


UNKNOWN = (Unauthenticated.code, Unauthenticated.message)


def test_identity_of_key_carries_the_terms(organization, user):
    end = timezone.now() + timedelta(days=1)
    issued = make_key(
        user,
        expires_at=end,
        limits={"default": "5/m"},
        addresses=["10.0.0.0/8", "2001:db8::/32"],
        models=["fast"],
    )

    identity = identity_of_key(issued.secret)

    assert (identity.credential.kind, identity.credential.id) == (
        CredentialKind.KEY,
        issued.key.public_id,
    )
    assert (identity.organization, identity.organization_id) == (
        organization.public_id,
        organization.pk,
    )
    assert (identity.principal, identity.user_id) == (user.user.public_id, user.user_id)
    assert (identity.role, identity.is_approver) == (Role.USER, False)
    assert identity.permissions == permissions_of(Role.USER)
    assert identity.expires_at == end
    assert identity.limits == {"default": parse_rate("5/m")}
    assert identity.addresses == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert identity.models == frozenset({"fast"})


def test_identity_of_key_without_terms_is_unrestricted(user):
    identity = identity_of_key(make_key(user).secret)

    assert (identity.expires_at, identity.limits, identity.addresses, identity.models) == (
        None,
        {},
        (),
        None,
    )


def test_empty_list_of_models_allows_none(user):
    assert identity_of_key(make_key(user, models=[]).secret).models == frozenset()


def test_identity_of_a_service_accounts_key(organization):
    account = make_service_account(organization)
    identity = identity_of_key(make_key(account, Role.SERVICE).secret)

    assert (identity.principal, identity.service_account_id, identity.user_id) == (
        account.public_id,
        account.pk,
        None,
    )
    assert identity.permissions == permissions_of(Role.SERVICE)


def test_key_holds_its_role_and_not_its_owners(admin):
    identity = identity_of_key(make_key(admin, Role.VIEWER).secret)

    assert (identity.role, identity.permissions) == (Role.VIEWER, permissions_of(Role.VIEWER))


def test_key_shrinks_with_its_owner(admin):
    secret = make_key(admin, Role.ADMIN).secret
    admin.user.is_staff = True
    admin.user.save()
    assert identity_of_key(secret).is_operator is True

    admin.role = Role.USER
    admin.save()
    identity = identity_of_key(secret)

    assert identity.permissions == permissions_of(Role.USER)
    assert (identity.role, identity.is_operator) == (Role.USER, False)


def test_approver_grant_needs_key_and_owner_both(organization):
    approver = make_member(organization, is_approver=True)
    with_grant, without = make_key(approver, is_approver=True), make_key(approver)
    assert identity_of_key(with_grant.secret).is_approver is True
    assert identity_of_key(without.secret).is_approver is False

    approver.is_approver = False
    approver.save()

    assert identity_of_key(with_grant.secret).is_approver is False


@pytest.mark.parametrize("scheme", ["hmac", "bcrypt"])
def test_key_is_known_under_either_scheme(user, settings, scheme):
    settings.SIGNALBOX_KEY_HASH = scheme
    issued = make_key(user)
    settings.SIGNALBOX_KEY_HASH = "hmac"  # a later change of the setting leaves old keys alone

    assert KeySecret.objects.get().scheme == scheme
    assert identity_of_key(issued.secret).credential.id == issued.key.public_id


def test_unknown_and_wrong_keys_are_refused_alike(user):
    secret = make_key(user).secret
    made_up = secrets.new_secret("ltb_")
    right_beginning = secret[:-10] + made_up[-10:]
    other_prefix = "aqe_" + secret.removeprefix("ltb_")

    assert [refusal(token) for token in (made_up, right_beginning, other_prefix)] == [UNKNOWN] * 3


def test_another_pepper_opens_nothing(user, settings):
    secret = make_key(user).secret
    settings.SIGNALBOX_KEY_PEPPER = "another pepper of forty characters or more"

    assert refusal(secret) == UNKNOWN


def test_revoked_key_says_so_to_its_holder_alone(user):
    issued = make_key(user)
    keys.revoke_key(actor=actor_of(user), key_id=issued.key.public_id)

    assert refusal(issued.secret)[0] == "key_revoked"
    assert refusal(issued.secret[:-10] + "a" * 10) == UNKNOWN


def test_expired_key_says_so_to_its_holder_alone(user):
    issued = make_key(user)
    ApiKey.objects.update(expires_at=timezone.now())

    assert refusal(issued.secret)[0] == "key_expired"
    assert refusal(issued.secret[:-10] + "a" * 10) == UNKNOWN


def test_both_secrets_live_in_the_grace_and_then_the_new_one(user):
    issued = make_key(user)
    rotated = keys.rotate_key(actor=actor_of(user), key_id=issued.key.public_id, grace_seconds=60)
    ends_at = KeySecret.objects.order_by("pk")[0].ends_at

    assert identity_of_key(issued.secret).expires_at == ends_at
    assert identity_of_key(rotated.secret).expires_at is None

    KeySecret.objects.filter(ends_at=ends_at).update(ends_at=timezone.now())

    assert refusal(issued.secret)[0] == "key_revoked"
    assert identity_of_key(rotated.secret).credential.id == issued.key.public_id


def test_without_grace_the_old_secret_is_dead_at_once(user):
    issued = make_key(user)
    keys.rotate_key(actor=actor_of(user), key_id=issued.key.public_id)

    assert refusal(issued.secret)[0] == "key_revoked"


def test_key_of_a_leaver_switched_off_or_deleted_owner_is_dead(organization):
    leaver, off, deleted = (make_member(organization) for _ in range(3))
    account = make_service_account(organization)
    issued = [make_key(owner) for owner in (leaver, off, deleted, account)]

    leaver.delete()
    off.user.is_active = False
    off.user.save()
    deleted.user.delete()
    account.is_active = False
    account.save()

    assert [refusal(each.secret) for each in issued] == [UNKNOWN] * 4


def test_unknown_key_costs_the_same_digests_as_a_wrong_one(user, monkeypatch):
    secret = make_key(user).secret
    wrong = secret[:-10] + "a" * 10
    done: list[str] = []
    fingerprint, compare = secrets.fingerprint, secrets.hmac.compare_digest
    monkeypatch.setattr(
        secrets, "fingerprint", lambda *args: done.append("hash") or fingerprint(*args)
    )
    monkeypatch.setattr(
        secrets.hmac, "compare_digest", lambda *args: done.append("compare") or compare(*args)
    )

    work = []
    for token in (wrong, secrets.new_secret("ltb_")):
        done.clear()
        refusal(token)
        work.append(list(done))

    assert work == [["hash"], ["hash"]]  # neither finds a row to compare with


def test_unknown_key_costs_the_same_queries_as_a_wrong_one(user, django_assert_num_queries: Any):
    secret = make_key(user).secret

    for token in (secret[:-10] + "a" * 10, secrets.new_secret("ltb_")):
        with django_assert_num_queries(1):
            refusal(token)


def test_flood_of_bad_keys_pays_no_bcrypt(user, settings, monkeypatch):
    settings.SIGNALBOX_KEY_HASH = "bcrypt"
    secret = make_key(user).secret
    paid = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *args: paid.append(1) or check(*args))
    monkeypatch.setattr(identities, "_proofs", secrets.Proofs())

    for _ in range(20):
        made_up = secrets.new_secret("ltb_")
        refusal(made_up)
        refusal(secret[:30] + made_up[30:])  # its beginning leaked, say by a screenshot
    assert paid == []

    for _ in range(3):
        identity_of_key(secret)
    assert paid == [1]


def test_identity_by_id_is_that_of_the_key_until_it_ends(db: None) -> None:
    actor = actor_of(make_admin(make_organization()))
    other = make_organization()
    with organization_scope(actor.organization_id):
        issued = keys.issue_key(actor=actor, name="k", role=Role.USER, cache_seconds=60)

    def by_id(organization: int) -> Any:
        return identities.identity_of_key_id(
            organization_id=organization, key_id=issued.key.public_id
        )

    assert by_id(actor.organization_id) == identities.identity_of_key(issued.secret)
    assert by_id(actor.organization_id).cache_seconds == 60
    assert by_id(other.pk) is None
    with organization_scope(actor.organization_id):
        keys.revoke_key(actor=actor, key_id=issued.key.public_id)
    assert by_id(actor.organization_id) is None
