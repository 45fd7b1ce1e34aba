"""What one message of Celery's does, with the claims it meets told by the test."""

from __future__ import annotations

from datetime import timedelta

import pytest

pytest.importorskip("celery")

from apps.jobs import celery_bridge
from apps.jobs.domain.priorities import Priority
from apps.jobs.models import Job
from apps.jobs.services import claims
from apps.tenants.models import Organization
from tests.factories.queue import make_job

LEASE = timedelta(seconds=3)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds slept, which are not slept."""
    slept: list[float] = []
    monkeypatch.setattr(celery_bridge, "sleep", slept.append)
    return slept


@pytest.fixture
def passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two looks find the turn in another process's hands."""
    looks = iter([True, True])
    claim = claims.claim

    def look(**asked: object) -> list[Job]:
        return [] if next(looks, False) else claim(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(claims, "claim", look)


def test_a_turn_passed_over_is_tried_again(
    organization: Organization, pauses: list[float], passed_over: None
) -> None:
    job = make_job(organization)

    (claimed,) = celery_bridge._claim_one("tester", LEASE, Priority.NORMAL)

    assert claimed.pk == job.pk
    assert pauses == [0.0, 0.005, 0.01]


def test_nothing_waiting_is_not_tried_again(
    organization: Organization, pauses: list[float]
) -> None:
    make_job(organization, priority=Priority.HIGH)

    assert celery_bridge._claim_one("tester", LEASE, Priority.NORMAL) == []
    assert pauses == [0.0]
