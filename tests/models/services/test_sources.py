"""Who may say what is followed: what comes of it is done later, by the owner's own rights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apps.core.actor import Actor
from apps.core.errors import Invalid, PermissionDenied
from apps.models.models import MlflowSource
from apps.models.permissions import ModelsPermission
from apps.models.services.sources import change_source, create_source
from apps.tenants.models import Organization
from tests.factories.tenants import actor_of, make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
GIVEN: dict[str, Any] = {
    "name": "lab",
    "url": "https://mlflow.example.com",
    "follows": [{"model": "Churn", "alias": "champion", "as": "churn"}],
}


@pytest.fixture
def admin(organization: Organization) -> Actor:
    return actor_of(make_admin(organization))


def test_a_key_that_may_not_publish_may_not_have_it_done(admin: Actor) -> None:
    few = frozenset({ModelsPermission.VIEW.value, ModelsPermission.SOURCE_MANAGE.value})
    key = Actor(replace(admin.identity, permissions=few))

    with pytest.raises(PermissionDenied):
        create_source(actor=key, **GIVEN)

    assert MlflowSource.objects.count() == 0


def test_a_key_bound_to_models_follows_into_these_alone(admin: Actor) -> None:
    bound = Actor(replace(admin.identity, models=frozenset({"prices"})))
    theirs = create_source(actor=admin, **GIVEN)
    own = [{"model": "Prices", "alias": "champion", "as": "prices"}]

    with pytest.raises(Invalid) as created:
        create_source(actor=bound, **GIVEN)
    with pytest.raises(Invalid) as changed:
        change_source(actor=bound, source_id=theirs.public_id, every_seconds=60)
    made = create_source(actor=bound, **{**GIVEN, "name": "own", "follows": own})

    assert [each.field for each in created.value.fields] == ["follows.0.as"]
    assert [each.field for each in changed.value.fields] == ["follows.0.as"]
    assert made.follows == own
