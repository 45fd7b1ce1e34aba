from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.keys.models import ApiKey
from apps.keys.services import uses
from tests.factories.keys import make_key

pytestmark = pytest.mark.django_db


def last_uses(*keys: ApiKey) -> list[Any]:
    with unscoped(reason="a test compares organisations"):
        return [ApiKey.objects.get(pk=key.pk).last_used_at for key in keys]


def test_write_uses_writes_what_was_noted_in_every_organization(user, stranger):
    used, unused, foreign = make_key(user).key, make_key(user).key, make_key(stranger).key
    before = timezone.now()
    for key in (used, foreign):
        uses.note_use(key.public_id)

    uses.write_uses()

    first, none, third = last_uses(used, unused, foreign)
    assert before <= first <= timezone.now()
    assert before <= third <= timezone.now()
    assert none is None
    assert uses._used == {}


def test_write_uses_changes_no_revision(user):
    key = make_key(user).key
    uses.note_use(key.public_id)

    uses.write_uses()

    assert ApiKey.objects.get().revision == 1


def test_write_uses_costs_no_query_when_nothing_was_used(django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        uses.write_uses()


def test_write_uses_costs_the_same_for_many_keys(user, django_assert_num_queries: Any):
    for count in (1, 3):
        for _ in range(count):
            uses.note_use(make_key(user).key.public_id)
        with django_assert_num_queries(4):  # two of them the savepoint's
            uses.write_uses()


def test_write_uses_never_goes_back(user):
    key = make_key(user).key
    later = timezone.now() + timedelta(seconds=5)
    ApiKey.objects.update(last_used_at=later)
    uses.note_use(key.public_id)

    uses.write_uses()

    assert last_uses(key) == [later]


def test_write_uses_survives_a_deleted_key(user):
    key = make_key(user).key
    uses.note_use(key.public_id)
    ApiKey.objects.all().delete()

    uses.write_uses()

    assert uses._used == {}


def test_write_uses_keeps_for_the_next_time_what_failed(user, monkeypatch):
    key = make_key(user).key
    uses.note_use(key.public_id)

    with monkeypatch.context() as broken:

        def fail(moments: Any) -> None:
            raise OperationalError("away")

        broken.setattr(uses, "_write", fail)
        with pytest.raises(OperationalError):
            uses.write_uses()
    assert set(uses._used) == {key.public_id}

    uses.write_uses()
    assert last_uses(key) != [None]


def test_write_uses_works_in_batches(user, monkeypatch):
    monkeypatch.setattr(uses, "BATCH", 2)
    keys = [make_key(user).key for _ in range(5)]
    for key in keys:
        uses.note_use(key.public_id)

    uses.write_uses()

    assert None not in last_uses(*keys)
