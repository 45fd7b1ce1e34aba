"""Whoever sends several wrong terms hears of all of them at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.core.actor import Role
from apps.core.errors import Invalid
from apps.keys.models import ApiKey
from apps.keys.services import keys
from tests.factories.keys import make_key
from tests.factories.tenants import actor_of

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def fields_of(error: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(each.field, each.type) for each in error.value.fields]


def test_issue_key_names_everything_that_is_wrong(user):
    with pytest.raises(Invalid) as error:
        keys.issue_key(
            actor=actor_of(user),
            name=" ",
            role=Role.ADMIN,
            prefix="sk-",
            expires_at=LONG_AGO,
            limits={"default": "often", "sms": "1/m"},
            addresses=["home", "10.0.0.0/8"],
            models=[""],
            budget={"amount": 0, "period": "month"},
        )

    assert fields_of(error) == [
        ("role", "role"),
        ("prefix", "choice"),
        ("name", "invalid"),
        ("expires_at", "past"),
        ("limits.default", "rate"),
        ("limits.sms", "choice"),
        ("addresses.0", "invalid"),
        ("models.0", "invalid"),
        ("budget.amount", "min_value"),
    ]
    assert ApiKey.objects.count() == 0


def test_update_key_names_everything_that_is_wrong_and_changes_nothing(user):
    issued = make_key(user, name="ci")

    with pytest.raises(Invalid) as error:
        keys.update_key(
            actor=actor_of(user),
            key_id=issued.key.public_id,
            name="cd",
            expires_at=LONG_AGO,
            addresses=["home"],
        )

    assert fields_of(error) == [("expires_at", "past"), ("addresses.0", "invalid")]
    assert ApiKey.objects.get().name == "ci"
