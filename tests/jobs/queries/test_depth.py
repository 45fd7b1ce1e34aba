"""The queue's depth, as `system.metrics` tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core import live
from apps.jobs.domain.states import State
from apps.jobs.queries import depth
from apps.jobs.queries.depth import queue_depth
from apps.tenants.models import Organization
from tests.factories.jobs import make_job

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_queue_depth_counts_what_is_due_in_every_organization(
    organization: Organization, other: Organization
) -> None:
    make_job(organization)
    make_job(other)
    make_job(other, run_at=timezone.now() + timedelta(hours=1))
    make_job(other, state=State.RUNNING)

    assert queue_depth() == 2


def test_queue_depth_is_counted_no_further_than_it_says(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth, "MOST", 2)
    for _ in range(3):
        make_job(organization)

    assert queue_depth() == 2


def test_queue_depth_is_among_the_readings() -> None:
    assert live.probes()["queue_depth"] is queue_depth
