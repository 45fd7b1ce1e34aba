from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.errors import Invalid
from apps.jobs.domain import schedule as declared
from apps.jobs.domain.schedule import next_after
from apps.jobs.models import Job, Periodic, Turn
from apps.jobs.services import schedule, upkeep
from apps.tenants.models import Organization
from tests.factories.queue import claim_jobs, make_job, turn_of

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch, db: None) -> list[datetime]:
    """The times at which the one thing scheduled was called."""
    called: list[datetime] = []
    monkeypatch.setattr(declared, "_scheduled", {})
    declared.periodic("test.hourly", every=HOUR)(called.append)
    return called


def test_tick_calls_what_is_due_once(ticks: list[datetime]) -> None:
    assert [schedule.tick(now=NOON), schedule.tick(now=NOON)] == [1, 0]
    assert schedule.tick(now=NOON + HOUR) == 1

    assert ticks == [NOON, NOON + HOUR]


def test_tick_after_a_long_absence_runs_once(ticks: list[datetime]) -> None:
    schedule.tick(now=NOON)

    schedule.tick(now=NOON + 10.5 * HOUR)

    assert ticks == [NOON, NOON + HOUR]
    assert Periodic.objects.get().next_at == NOON + 11 * HOUR


def test_tick_is_not_done_again_nor_moved_by_a_slower_clock(ticks: list[datetime]) -> None:
    schedule.tick(now=NOON)

    assert schedule.tick(now=NOON - timedelta(microseconds=30)) == 0
    assert schedule.tick(now=NOON - timedelta(minutes=30)) == 0
    assert ticks == [NOON]
    assert Periodic.objects.get().next_at == NOON + HOUR


def test_tick_that_fails_is_due_again(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(declared, "_scheduled", {})

    def fail(due: datetime) -> None:
        Periodic.objects.create(name="left over", next_at=due)
        raise ValueError

    declared.periodic("test.failing", every=HOUR)(fail)

    assert schedule.tick(now=NOON) == 0
    assert Periodic.objects.count() == 0


def test_periodic_refuses_a_name_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_scheduled", {})
    declared.periodic("test.one", every=HOUR)(print)

    with pytest.raises(RuntimeError):
        declared.periodic("test.one", every=HOUR)(len)


def test_next_after_stays_on_the_grid() -> None:
    assert next_after(NOON, HOUR, NOON) == NOON + HOUR
    assert next_after(NOON, HOUR, NOON + 2.5 * HOUR) == NOON + 3 * HOUR
    assert next_after(NOON, HOUR, NOON - HOUR) == NOON + HOUR


def test_periodic_takes_one_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_scheduled", {})

    with pytest.raises(TypeError):
        declared.periodic("test.none")
    with pytest.raises(TypeError):
        declared.periodic("test.both", every=HOUR, cron="@daily")
    with pytest.raises(Invalid):
        declared.periodic("test.wrong", cron="at three")


@pytest.fixture
def nightly(monkeypatch: pytest.MonkeyPatch, db: None) -> list[datetime]:
    """The times at which what is scheduled for three in the morning was called."""
    called: list[datetime] = []
    monkeypatch.setattr(declared, "_scheduled", {})
    declared.periodic("test.nightly", cron="0 3 * * *")(called.append)
    return called


def test_cron_waits_for_its_first_time_and_runs_once_a_day(nightly: list[datetime]) -> None:
    three = datetime(2026, 3, 2, 3, tzinfo=UTC)
    minute = timedelta(minutes=1)

    done = [schedule.tick(now=at) for at in (NOON, three - minute, three, three + minute)]

    assert done == [0, 0, 1, 0]
    assert nightly == [three]
    assert Periodic.objects.get().next_at == three + 24 * HOUR


def test_cron_missed_for_days_runs_once(nightly: list[datetime]) -> None:
    schedule.tick(now=NOON)

    assert [schedule.tick(now=NOON + 100 * HOUR) for _ in range(2)] == [1, 0]
    assert nightly == [datetime(2026, 3, 2, 3, tzinfo=UTC)]
    assert Periodic.objects.get().next_at == datetime(2026, 3, 6, 3, tzinfo=UTC)


def test_cron_is_not_run_again_by_a_slower_clock(nightly: list[datetime]) -> None:
    three = datetime(2026, 3, 2, 3, tzinfo=UTC)
    schedule.tick(now=NOON)

    assert schedule.tick(now=three) == 1
    assert schedule.tick(now=three - timedelta(minutes=30)) == 0
    assert schedule.tick(now=three) == 0


@pytest.mark.parametrize("rule", [{"every": HOUR}, {"cron": "0 * * * *"}])
def test_time_of_an_older_rule_is_put_right(
    rule: dict[str, Any], monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr(declared, "_scheduled", {})
    declared.periodic("test.changed", **rule)(lambda due: None)
    Periodic.objects.create(name="test.changed", next_at=NOON + 100 * HOUR)

    assert [schedule.tick(now=NOON), schedule.tick(now=NOON + HOUR)] == [0, 1]


def test_heal_wakes_an_organization_that_nobody_looks_at(organization: Organization) -> None:
    job = make_job(organization)
    Turn.objects.update(next_at=None)
    assert claim_jobs() == []

    assert upkeep.heal_now(now=timezone.now() + timedelta(minutes=1)) == 1

    assert turn_of(organization).next_at is not None
    assert [found.pk for found in claim_jobs(now=timezone.now() + HOUR)] == [job.pk]


def test_forget_old_jobs_takes_what_ended_long_ago(
    organization: Organization, other: Organization
) -> None:
    old, young, parent = (make_job(organization) for _ in range(3))
    make_job(organization, parent=parent)
    elsewhere = make_job(other)
    waiting = make_job(organization)
    long_ago = timezone.now() - timedelta(days=31)
    Job.objects.filter(pk__in=[old.pk, parent.pk]).update(state="completed", finished_at=long_ago)
    Job.objects.filter(pk=young.pk).update(state="failed", finished_at=timezone.now())

    assert upkeep.forget_old_jobs() == 1

    assert not Job.objects.filter(pk=old.pk).exists()
    assert Job.objects.filter(pk__in=[young.pk, parent.pk, waiting.pk]).count() == 3
    assert elsewhere.pk is not None
