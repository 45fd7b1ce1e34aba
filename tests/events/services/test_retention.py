from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.live import Gap
from apps.events import queries
from apps.events.models import OutboxEvent, TopicHead
from apps.events.services import retention
from apps.tenants.models import Organization
from tests.factories.events import make_actor, number_pending, write_events

pytestmark = pytest.mark.integration

NOW = timezone.now()
OLD = NOW - timedelta(days=8)


def kept() -> list[int | None]:
    return list(OutboxEvent.objects.order_by("id").values_list("sequence", flat=True))


def test_sweep_removes_by_age_and_says_the_gap(
    organization: Organization, other: Organization
) -> None:
    write_events(organization, 3, at=OLD)
    write_events(organization, 2, at=NOW)
    write_events(other, 1, at=NOW)
    number_pending()

    removed = retention.sweep(now=NOW)

    page = queries.history(actor=make_actor(organization), topic="job.progress", after=1, limit=10)
    assert (removed, kept()) == (3, [4, 5])
    assert page.gap == Gap("job.progress", 2, 3)
    assert [event.seq for event in page.events] == [4, 5]
    assert TopicHead.objects.get().floor == 3


def test_sweep_removes_by_rows(organization: Organization, settings: Any) -> None:
    settings.SIGNALBOX_EVENT_ROWS = 2
    write_events(organization, 5, at=NOW)
    number_pending()

    assert (retention.sweep(now=NOW), kept()) == (3, [4, 5])


def test_sweep_goes_on_batch_by_batch(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "MAX_BATCHES", 2)
    write_events(organization, 7, at=OLD)
    number_pending()

    assert [retention.sweep(now=NOW) for _ in range(3)] == [4, 3, 0]
    assert kept() == []


def test_sweep_leaves_what_has_no_number_yet(organization: Organization) -> None:
    write_events(organization, 2, at=OLD)

    assert (retention.sweep(now=NOW), kept()) == (0, [None, None])


def test_topic_that_is_swept_empty_goes_on_counting(organization: Organization) -> None:
    write_events(organization, 2, at=OLD)
    number_pending()
    retention.sweep(now=NOW)
    actor = make_actor(organization)

    page = queries.history(actor=actor, topic="job.progress", after=0, limit=10)
    write_events(organization, 1, at=NOW)
    number_pending()

    assert (page.events, page.gap, page.last) == ([], Gap("job.progress", 1, 2), 2)
    assert kept() == [3]
