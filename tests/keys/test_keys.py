from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.core.actor import CredentialKind, Role
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied, Stale
from apps.core.models import ChangeMark
from apps.core.tenancy import organization_scope
from apps.keys import topics
from apps.keys.models import ApiKey, KeySecret
from apps.keys.services import keys
from tests.factories.keys import actor_of_key, make_key
from tests.factories.tenants import actor_of, make_member, make_service_account

pytestmark = pytest.mark.django_db


def fields_of(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(each.field, each.type) for each in error.value.fields]


def marks() -> int:
    return ChangeMark.objects.filter(scope__startswith="identity:").count()


# ---------------------------------------------------------------- issue


def test_issue_key_keeps_the_terms_and_no_secret(user, facts):
    end = timezone.now() + timedelta(days=90)

    issued = keys.issue_key(
        actor=actor_of(user),
        name=" ci ",
        role=Role.VIEWER,
        expires_at=end,
        limits={"default": "10/m"},
        addresses=["10.0.0.1", "2001:db8::/32"],
        models=["fast"],
        budget={"amount": 5, "period": "month"},
        prefix="aqe_",
    )

    key = ApiKey.objects.get()
    assert issued.key == key
    assert issued.secret.startswith("aqe_")
    assert {name: getattr(key, name) for name in ("name", "role", "prefix", "hint")} == {
        "name": "ci",
        "role": "viewer",
        "prefix": "aqe_",
        "hint": issued.secret[-4:],
    }
    assert (key.user_id, key.created_by_id, key.is_approver) == (user.user_id, user.user_id, False)
    assert key.limits == {"default": "10/m"}
    assert key.addresses == ["10.0.0.1/32", "2001:db8::/32"]
    assert key.model_names == ["fast"]
    assert key.budget == {"amount": 5.0, "period": "month"}
    assert key.expires_at == end
    kept = " ".join(str(value) for row in KeySecret.objects.values() for value in row.values())
    assert issued.secret not in kept
    assert issued.secret not in repr(issued)
    assert [(fact.topic, fact.object_id, fact.before) for fact in facts] == [
        (topics.KEY_CREATED, key.public_id, None)
    ]
    assert issued.secret not in repr(facts)


def test_issue_key_uses_the_prefix_of_the_settings(user, settings):
    settings.SIGNALBOX_KEY_PREFIX = "aqe_"

    issued = keys.issue_key(actor=actor_of(user), name="n", role=Role.USER)

    assert issued.key.prefix == "aqe_"
    assert issued.secret.startswith("aqe_")


@pytest.mark.parametrize(
    ("terms", "fields"),
    [
        ({"name": ""}, [("name", "invalid")]),
        ({"prefix": "evil_"}, [("prefix", "choice")]),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, [("expires_at", "past")]),
        ({"limits": {"sms": "1/m"}}, [("limits.sms", "choice")]),
        ({"addresses": ["here"]}, [("addresses.0", "invalid")]),
        ({"models": [""]}, [("models.0", "invalid")]),
        ({"budget": {"amount": -1, "period": "day"}}, [("budget.amount", "min_value")]),
    ],
)
def test_issue_key_refuses_terms(user, terms, fields):
    with pytest.raises(Invalid) as error:
        keys.issue_key(actor=actor_of(user), **{"name": "n", "role": Role.USER, **terms})

    assert fields_of(error) == fields
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SERVICE])
def test_issue_key_needs_the_permission(organization, role):
    if role is Role.SERVICE:
        key = make_key(make_service_account(organization), Role.SERVICE)
        actor = actor_of_key(key.secret)
    else:
        actor = actor_of(make_member(organization, role))

    with pytest.raises(PermissionDenied):
        keys.issue_key(actor=actor, name="n", role=Role.VIEWER)


def test_issue_key_refuses_a_role_above_ones_own(user):
    with pytest.raises(Invalid) as error:
        keys.issue_key(actor=actor_of(user), name="n", role=Role.ADMIN)

    assert fields_of(error) == [("role", "role")]


def test_issue_key_refuses_a_role_above_that_of_the_key_used(admin):
    weak = make_key(admin, Role.USER)

    with pytest.raises(Invalid) as error:
        keys.issue_key(actor=actor_of_key(weak.secret), name="n", role=Role.ADMIN)

    assert fields_of(error) == [("role", "role")]


def test_issue_key_gives_the_approver_grant_only_to_ones_own(organization, admin):
    approver = make_member(organization, is_approver=True)
    other = make_member(organization, is_approver=True)
    deciding_admin = make_member(organization, Role.ADMIN, is_approver=True)

    with pytest.raises(Invalid) as not_held:
        keys.issue_key(actor=actor_of(admin), name="n", role=Role.USER, is_approver=True)
    with pytest.raises(Invalid) as for_another:
        keys.issue_key(
            actor=actor_of(deciding_admin),
            name="n",
            role=Role.USER,
            is_approver=True,
            owner_id=other.user.public_id,
        )
    issued = keys.issue_key(actor=actor_of(approver), name="n", role=Role.USER, is_approver=True)
    plain = keys.issue_key(actor=actor_of(approver), name="n", role=Role.USER)

    assert fields_of(not_held) == [("approver", "approver")]
    assert fields_of(for_another) == [("approver", "approver")]
    assert issued.key.is_approver is True
    assert plain.key.is_approver is False


def test_issue_key_for_another_needs_an_admin(organization, admin, user):
    other = make_member(organization)

    with pytest.raises(PermissionDenied):
        keys.issue_key(
            actor=actor_of(user), name="n", role=Role.USER, owner_id=other.user.public_id
        )
    issued = keys.issue_key(
        actor=actor_of(admin), name="n", role=Role.USER, owner_id=other.user.public_id
    )

    assert (issued.key.user_id, issued.key.created_by_id) == (other.user_id, admin.user_id)


def test_issue_key_refuses_a_role_above_the_owners(organization, admin):
    viewer = make_member(organization, Role.VIEWER)

    with pytest.raises(Invalid) as error:
        keys.issue_key(
            actor=actor_of(admin), name="n", role=Role.USER, owner_id=viewer.user.public_id
        )

    assert fields_of(error) == [("role", "role")]


def test_issue_key_for_a_service_account(organization, admin):
    account = make_service_account(organization)

    issued = keys.issue_key(
        actor=actor_of(admin), name="n", role=Role.SERVICE, owner_id=account.public_id
    )
    with pytest.raises(Invalid) as error:
        keys.issue_key(actor=actor_of(admin), name="n", role=Role.USER, owner_id=account.public_id)

    assert (issued.key.service_account_id, issued.key.user_id) == (account.pk, None)
    assert fields_of(error) == [("role", "role")]


def test_issue_key_does_not_know_owners_elsewhere(organization, admin, stranger):
    account = make_service_account(stranger.organization)

    for owner_id in (stranger.user.public_id, account.public_id, "user_1", "svc_", "nobody"):
        with pytest.raises(NotFound):
            keys.issue_key(actor=actor_of(admin), name="n", role=Role.SERVICE, owner_id=owner_id)


# ---------------------------------------------------------------- a key that makes keys


def test_key_hands_on_its_restrictions(admin):
    end = timezone.now() + timedelta(days=1)
    maker = make_key(admin, expires_at=end, addresses=["10.0.0.0/8"], models=["fast", "slow"])

    made = keys.issue_key(actor=actor_of_key(maker.secret), name="n", role=Role.USER).key

    assert (made.expires_at, made.addresses, made.model_names) == (
        end,
        ["10.0.0.0/8"],
        ["fast", "slow"],
    )


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"expires_at": datetime(2099, 1, 1, tzinfo=UTC)}, "expires_at"),
        ({"addresses": ["11.0.0.0/8"]}, "addresses"),
        ({"addresses": ["::/0"]}, "addresses"),
        ({"models": ["fast", "dear"]}, "models"),
    ],
)
def test_key_makes_none_that_reaches_further(admin, terms, field):
    end = timezone.now() + timedelta(days=1)
    maker = make_key(admin, expires_at=end, addresses=["10.0.0.0/8"], models=["fast"])

    with pytest.raises(Invalid) as error:
        keys.issue_key(actor=actor_of_key(maker.secret), name="n", role=Role.USER, **terms)

    assert fields_of(error) == [(field, "bound")]


def test_key_with_a_budget_makes_none(admin):
    maker = make_key(admin, budget={"amount": 1, "period": "day"})

    with pytest.raises(PermissionDenied) as error:
        keys.issue_key(actor=actor_of_key(maker.secret), name="n", role=Role.USER)

    assert error.value.code == "budgeted_key"


def test_user_gives_no_higher_limits_than_their_own(user, admin):
    with pytest.raises(Invalid) as error:
        keys.issue_key(
            actor=actor_of(user),
            name="n",
            role=Role.USER,
            limits={"default": "101/m", "all": "11/m", "upload": "10/h", "chat": "50/m"},
        )
    raised = keys.issue_key(
        actor=actor_of(admin), name="n", role=Role.USER, limits={"all": "100000/m"}
    )

    assert fields_of(error) == [("limits.default", "bound"), ("limits.all", "bound")]
    assert raised.key.limits == {"all": "100000/m"}


def test_limited_key_of_a_user_hands_on_its_limits(user):
    maker = make_key(user, limits={"default": "5/m"})

    made = keys.issue_key(
        actor=actor_of_key(maker.secret), name="n", role=Role.USER, limits={"chat": "1/m"}
    )
    with pytest.raises(Invalid) as error:
        keys.issue_key(
            actor=actor_of_key(maker.secret), name="n", role=Role.USER, limits={"default": "6/m"}
        )

    assert made.key.limits == {"default": "5/m", "chat": "1/m"}
    assert fields_of(error) == [("limits.default", "bound")]


# ---------------------------------------------------------------- update


def test_update_key_changes_what_is_named(user, facts):
    key = make_key(user, name="old", limits={"default": "5/m"}, models=["fast"]).key
    facts.clear()

    changed = keys.update_key(
        actor=actor_of(user), key_id=key.public_id, name="new", models=None, expected_revision=1
    )

    assert (changed.name, changed.model_names, changed.limits, changed.revision) == (
        "new",
        None,
        {"default": "5/m"},
        2,
    )
    (fact,) = facts
    assert fact.topic == topics.KEY_UPDATED
    assert fact.before is not None
    assert fact.after is not None
    assert {
        name: (fact.before[name], value)
        for name, value in fact.after.items()
        if fact.before[name] != value
    } == {"name": ("old", "new"), "models": (["fast"], None)}
    assert marks() == 1


def test_update_key_refuses_a_stale_revision(user):
    key = make_key(user).key
    keys.update_key(actor=actor_of(user), key_id=key.public_id, name="new")

    with pytest.raises(Stale):
        keys.update_key(
            actor=actor_of(user), key_id=key.public_id, name="newer", expected_revision=1
        )


def test_update_key_refuses_bad_terms_and_changes_nothing(user):
    key = make_key(user).key

    with pytest.raises(Invalid) as error:
        keys.update_key(
            actor=actor_of(user), key_id=key.public_id, name="new", limits={"default": "x"}
        )

    key.refresh_from_db()
    assert fields_of(error) == [("limits.default", "rate")]
    assert (key.revision, key.name != "new") == (1, True)


def test_update_key_refuses_a_revoked_one(user):
    key = make_key(user).key
    keys.revoke_key(actor=actor_of(user), key_id=key.public_id)

    with pytest.raises(Conflict) as error:
        keys.update_key(actor=actor_of(user), key_id=key.public_id, name="new")

    assert error.value.code == "key_revoked"


def test_update_key_does_not_touch_the_last_use(user):
    key = make_key(user).key
    used = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=used)

    keys.update_key(actor=actor_of(user), key_id=key.public_id, name="new")

    assert ApiKey.objects.get(pk=key.pk).last_used_at == used


@pytest.mark.parametrize(
    "new",
    [
        {"addresses": []},
        {"models": None},
        {"expires_at": None},
        {"limits": {"default": "100/m"}},
    ],
)
def test_restricted_key_cannot_free_itself(user, new):
    end = timezone.now() + timedelta(days=1)
    issued = make_key(
        user,
        expires_at=end,
        addresses=["10.0.0.0/8"],
        models=["fast"],
        limits={"default": "5/m"},
    )
    actor = actor_of_key(issued.secret)
    before = keys.values(issued.key)

    # What would widen it is refused; what is left out is taken from the key that acts.
    with suppress(Invalid):
        keys.update_key(actor=actor, key_id=issued.key.public_id, **new)

    assert keys.values(ApiKey.objects.get()) == before


def test_key_with_a_budget_cannot_raise_it(user):
    issued = make_key(user, budget={"amount": 1, "period": "day"})

    with pytest.raises(PermissionDenied) as error:
        keys.update_key(actor=actor_of_key(issued.secret), key_id=issued.key.public_id, budget=None)

    assert error.value.code == "budgeted_key"


# ---------------------------------------------------------------- rotate


def test_rotate_key_leaves_the_old_secret_its_grace(user, facts):
    issued = make_key(user)
    facts.clear()

    rotated = keys.rotate_key(actor=actor_of(user), key_id=issued.key.public_id, grace_seconds=3600)

    assert rotated.key.public_id == issued.key.public_id
    assert rotated.secret != issued.secret
    assert (rotated.key.hint, rotated.key.revision) == (rotated.secret[-4:], 2)
    old, new = KeySecret.objects.order_by("pk")
    assert new.ends_at is None
    assert timedelta(0) < old.ends_at - timezone.now() <= timedelta(hours=1)
    (fact,) = facts
    assert fact.topic == topics.KEY_ROTATED
    assert rotated.secret not in repr(fact)
    assert marks() == 1


def test_rotate_key_again_ends_the_older_grace(user):
    issued = make_key(user)
    for _ in range(2):
        keys.rotate_key(actor=actor_of(user), key_id=issued.key.public_id, grace_seconds=3600)

    now = timezone.now()
    ends = [secret.ends_at for secret in KeySecret.objects.order_by("pk")]
    assert [end is not None and end <= now for end in ends] == [True, False, False]


@pytest.mark.parametrize("grace", [-1, 30 * 86_400 + 1, 10**30])
def test_rotate_key_refuses_a_grace(user, grace):
    issued = make_key(user)

    with pytest.raises(Invalid) as error:
        keys.rotate_key(actor=actor_of(user), key_id=issued.key.public_id, grace_seconds=grace)

    assert fields_of(error) == [("grace_seconds", "range")]


def test_rotate_key_refuses_one_that_has_ended(user):
    revoked, expired = make_key(user), make_key(user)
    keys.revoke_key(actor=actor_of(user), key_id=revoked.key.public_id)
    ApiKey.objects.filter(pk=expired.key.pk).update(expires_at=timezone.now())

    codes = []
    for issued in (revoked, expired):
        with pytest.raises(Conflict) as error:
            keys.rotate_key(actor=actor_of(user), key_id=issued.key.public_id)
        codes.append(error.value.code)

    assert codes == ["key_revoked", "key_expired"]


def test_weaker_key_does_not_get_at_a_stronger_one(admin):
    strong, weak = make_key(admin, Role.ADMIN), make_key(admin, Role.USER)
    free, bound = make_key(admin), make_key(admin, addresses=["10.0.0.0/8"])

    for used, wanted in ((weak, strong), (bound, free)):
        actor = actor_of_key(used.secret)
        for deed in (
            lambda actor=actor, wanted=wanted: keys.rotate_key(
                actor=actor, key_id=wanted.key.public_id
            ),
            lambda actor=actor, wanted=wanted: keys.update_key(
                actor=actor, key_id=wanted.key.public_id, name="mine"
            ),
        ):
            with pytest.raises(PermissionDenied) as error:
                deed()
            assert error.value.code == "stronger_key"


def test_key_rotates_itself(user):
    issued = make_key(
        user, addresses=["10.0.0.0/8"], models=["fast"], budget={"amount": 1, "period": "day"}
    )

    rotated = keys.rotate_key(actor=actor_of_key(issued.secret), key_id=issued.key.public_id)

    assert rotated.secret != issued.secret


def test_old_secret_in_its_grace_cannot_renew_the_key(user):
    issued = make_key(user)
    keys.rotate_key(actor=actor_of(user), key_id=issued.key.public_id, grace_seconds=60)

    with pytest.raises(PermissionDenied) as error:
        keys.rotate_key(actor=actor_of_key(issued.secret), key_id=issued.key.public_id)

    assert error.value.code == "stronger_key"


def test_approvers_key_is_renewed_by_its_owner_alone(organization):
    approver = make_member(organization, is_approver=True)
    other = make_member(organization, Role.ADMIN, is_approver=True)
    issued = make_key(approver, is_approver=True)

    with pytest.raises(PermissionDenied) as error:
        keys.rotate_key(actor=actor_of(other), key_id=issued.key.public_id)
    keys.rotate_key(actor=actor_of(approver), key_id=issued.key.public_id)

    assert error.value.code == "stronger_key"


# ---------------------------------------------------------------- revoke


def test_revoke_key_twice_is_one_fact(user, facts):
    key = make_key(user).key
    facts.clear()

    revoked = keys.revoke_key(actor=actor_of(user), key_id=key.public_id)
    again = keys.revoke_key(actor=actor_of(user), key_id=key.public_id)

    assert revoked.state == "revoked"
    assert again.revoked_at == revoked.revoked_at
    assert [(fact.topic, fact.before, fact.after) for fact in facts] == [
        (topics.KEY_REVOKED, {"state": "active"}, {"state": "revoked"})
    ]
    assert marks() == 1


def test_demoted_owner_may_still_revoke(organization, admin):
    issued = make_key(admin)
    admin.role = Role.USER
    admin.save()

    assert keys.revoke_key(actor=actor_of(admin), key_id=issued.key.public_id).state == "revoked"


# ---------------------------------------------------------------- whose keys


DEEDS = [
    lambda actor, key_id: keys.update_key(actor=actor, key_id=key_id, name="new"),
    lambda actor, key_id: keys.rotate_key(actor=actor, key_id=key_id),
    lambda actor, key_id: keys.revoke_key(actor=actor, key_id=key_id),
]


@pytest.mark.parametrize("deed", DEEDS)
def test_others_keys_are_an_admins_to_manage(organization, admin, user, deed):
    key = make_key(make_member(organization)).key

    for actor in (actor_of(user), actor_of(make_member(organization, Role.VIEWER))):
        with pytest.raises(PermissionDenied):
            deed(actor, key.public_id)
    deed(actor_of(admin), key.public_id)


@pytest.mark.parametrize("deed", DEEDS)
def test_key_of_another_organization_is_not_there(organization, admin, stranger, deed):
    key = make_key(stranger).key

    for key_id in (key.public_id, "key_1", "", key.public_id.replace("key_", "org_")):
        with pytest.raises(NotFound):
            deed(actor_of(admin), key_id)

    with organization_scope(stranger.organization_id):
        assert ApiKey.objects.get().revision == 1


def test_session_actor_may_manage(user):
    key = make_key(user).key
    actor = actor_of(user, CredentialKind.SESSION)

    assert keys.update_key(actor=actor, key_id=key.public_id, name="new").name == "new"


@pytest.mark.parametrize("deed", ["issue", "rotate"])
def test_secret_is_hashed_before_the_transaction(user, monkeypatch, deed):
    key = make_key(user).key
    outside, depths = len(connection.savepoint_ids), []
    keep = keys.secrets.keep
    monkeypatch.setattr(
        keys.secrets,
        "keep",
        lambda *args, **kwargs: (
            depths.append(len(connection.savepoint_ids)) or keep(*args, **kwargs)
        ),
    )

    if deed == "issue":
        keys.issue_key(actor=actor_of(user), name="slow", role=Role.USER)
    else:
        keys.rotate_key(actor=actor_of(user), key_id=key.public_id)

    assert depths == [outside]
