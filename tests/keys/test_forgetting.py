"""What is dropped of keys when it has long ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.errors import Unauthenticated
from apps.keys.models import ApiKey, KeySecret
from apps.keys.queries.identities import identity_of_key
from apps.keys.services import keys
from tests.factories.keys import make_key
from tests.factories.tenants import actor_of

pytestmark = pytest.mark.django_db


def rotate(member, **ends):
    """A rotated key whose old secret ended as told; the old secret and the new one."""
    issued = make_key(member)
    new = keys.rotate_key(actor=actor_of(member), key_id=issued.key.public_id)
    old = KeySecret._base_manager.get(key=issued.key, ends_at__isnull=False)
    KeySecret._base_manager.filter(pk=old.pk).update(ends_at=timezone.now() - timedelta(**ends))
    return issued.secret, new.secret


def test_forget_ended_secrets_drops_what_ended_a_month_ago(user):
    old, new = rotate(user, days=31)

    dropped = keys.forget_ended_secrets()

    assert (dropped, KeySecret.objects.count(), ApiKey.objects.count()) == (1, 1, 1)
    assert identity_of_key(new).principal == user.user.public_id
    with pytest.raises(Unauthenticated) as caught:
        identity_of_key(old)
    assert caught.value.code == "unauthenticated"


def test_forget_ended_secrets_keeps_what_ended_lately(user):
    old, _ = rotate(user, days=29)

    dropped = keys.forget_ended_secrets()

    assert dropped == 0
    with pytest.raises(Unauthenticated) as caught:
        identity_of_key(old)
    assert caught.value.code == "key_revoked"


def test_forget_ended_secrets_keeps_the_present_one_of_a_revoked_key(user):
    issued = make_key(user)
    keys.revoke_key(actor=actor_of(user), key_id=issued.key.public_id)

    assert (keys.forget_ended_secrets(), KeySecret.objects.count()) == (0, 1)
