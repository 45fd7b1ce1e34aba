from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.keys.models import ApiKey, KeySecret
from tests.factories.keys import make_key
from tests.factories.tenants import make_service_account

pytestmark = pytest.mark.django_db


def test_key_has_one_owner(organization, user):
    values: dict[str, Any] = {"organization": organization, "name": "n", "role": "user"}
    account = make_service_account(organization)

    for owners in ({}, {"user": user.user, "service_account": account}):
        with pytest.raises(IntegrityError, match="keys_apikey_one_owner"), transaction.atomic():
            ApiKey.objects.create(**values, **owners)


def test_key_has_one_current_secret(user):
    key = make_key(user).key
    values: dict[str, Any] = {"organization_id": key.organization_id, "key": key, "lookup": "x"}

    with pytest.raises(IntegrityError), transaction.atomic():
        KeySecret.objects.create(**values, digest="one")

    KeySecret.objects.create(**values, digest="two", ends_at=timezone.now())
    KeySecret.objects.create(**values, digest="three", ends_at=timezone.now())


def test_digest_is_unique(user):
    first, second = make_key(user).key, make_key(user).key
    digest = KeySecret.objects.get(key=first).digest

    with pytest.raises(IntegrityError), transaction.atomic():
        KeySecret.objects.filter(key=second).update(digest=digest)


def test_state_at():
    now = timezone.now()
    before, after = now - timedelta(seconds=1), now + timedelta(seconds=1)

    assert ApiKey().state_at(now) == "active"
    assert ApiKey(expires_at=after).state_at(now) == "active"
    assert ApiKey(expires_at=now).state_at(now) == "expired"
    assert ApiKey(expires_at=after, revoked_at=before).state_at(now) == "revoked"
    assert ApiKey(expires_at=before, revoked_at=before).state_at(now) == "revoked"


def test_public_id_is_prefixed(user):
    key = make_key(user).key

    assert key.public_id.startswith("key_")
    assert str(key) == key.name
