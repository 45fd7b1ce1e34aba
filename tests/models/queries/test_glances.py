"""What a list of models shows of each: predicted today, predicted last, whether its newest version is ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.core.actor import Actor
from apps.core.errors import PermissionDenied
from apps.models.enums import VersionStatus
from apps.models.queries import glances
from apps.models.queries.glances import Glance
from apps.tenants.models import Organization
from tests.factories.events import make_actor
from tests.factories.models import make_model, make_version
from tests.factories.predictions import make_prediction

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
NOW = datetime(2026, 3, 31, 12, 45, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def test_today_counts_from_midnight_and_last_goes_further_back(
    actor: Actor, organization: Organization
) -> None:
    busy, quiet = (make_version(make_model(organization)) for _ in range(2))
    for hours in (0, 12, 13):
        make_prediction(busy, at=NOW - timedelta(hours=hours))
    make_prediction(quiet, at=NOW - timedelta(days=3))

    found = glances.glances(actor=actor)

    assert found[busy.model_id] == Glance(today=2, last_at=NOW)
    assert found[quiet.model_id] == Glance(today=0, last_at=NOW - timedelta(days=3))


def test_versions_of_a_model_are_one(actor: Actor, organization: Organization) -> None:
    model = make_model(organization)
    for label in ("1.0", "1.1"):
        make_prediction(make_version(model, label=label), at=NOW)

    assert glances.glances(actor=actor)[model.pk].today == 2


def test_newest_version_alone_says_what_is_wrong(actor: Actor, organization: Organization) -> None:
    mended, broken = make_model(organization), make_model(organization)
    make_version(mended, status=VersionStatus.REFUSED)
    make_version(mended)
    make_version(broken, status=VersionStatus.CHECKING)

    found = glances.glances(actor=actor)

    assert found[mended.pk].newest_status is VersionStatus.READY
    assert found[broken.pk].newest_status is VersionStatus.CHECKING


def test_others_are_not_seen_and_the_unknown_is_empty(
    actor: Actor, organization: Organization, other: Organization
) -> None:
    theirs = make_version(make_model(other))
    make_prediction(theirs, at=NOW)

    found = glances.glances(actor=actor)

    assert dict(found) == {}
    assert found[theirs.model_id] == Glance()


def test_it_needs_to_be_allowed(organization: Organization) -> None:
    with pytest.raises(PermissionDenied):
        glances.glances(actor=make_actor(organization, permissions=frozenset()))
