"""The board: read once, told by the live stream, and never behind for long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.core.asgi.pool import in_pool
from apps.core.errors import NotFound
from apps.core.tenancy import organization_scope
from apps.events.hub import hub
from apps.jobs.domain.standings import Standing
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.queries import board as boards
from apps.jobs.queries.board import Mailbox, board
from apps.jobs.services.queue import live_values
from apps.tenants.models import Organization
from tests.factories.doors import drive
from tests.factories.events import make_published
from tests.factories.jobs import UNKNOWN, make_job
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def job(db: None) -> Job:
    return make_job(make_organization(), state=State.RUNNING)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that were read from the database."""
    read: list[str] = []
    real = boards.standings.standing

    def counted(*, job_id: str) -> Standing:
        read.append(job_id)
        return real(job_id=job_id)

    monkeypatch.setattr(boards.standings, "standing", counted)
    return read


def change(job: Job, **values: Any) -> None:
    """What a worker writes, in whatever process."""
    for name, value in values.items():
        setattr(job, name, value)
    with organization_scope(job.organization_id):
        job.save(update_fields=list(values))


async def tell(job: Job) -> None:
    """The live event of the job as it is."""
    event = make_published(
        organization_id=job.organization_id, topic="job.progress", data=live_values(job)
    )
    hub.publish([event])
    await asyncio.sleep(0.01)


class Ear:
    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def take(self, standing: Standing) -> None:
        self.told.append((standing.status.value, standing.progress))


def test_status_asked_again_costs_no_reading(job: Job, readings: list[str]) -> None:
    async def talk() -> list[str]:
        await board().standing(job.public_id)
        readings.clear()
        for _ in range(50):
            await board().standing(job.public_id)
        return readings

    assert drive(talk()) == []


def test_many_who_ask_at_once_cost_one_reading(job: Job, readings: list[str]) -> None:
    async def talk() -> list[str]:
        await board().standing(job.public_id)  # the board listens to this organisation now
        board()._cards[job.public_id].read_at = 0.0
        readings.clear()
        await asyncio.gather(*(board().standing(job.public_id) for _ in range(50)))
        return readings

    assert drive(talk()) == [job.public_id]


def test_news_changes_the_status_without_a_reading(job: Job, readings: list[str]) -> None:
    async def talk() -> tuple[list[str], float]:
        await board().standing(job.public_id)
        readings.clear()
        job.progress = 33.0
        await tell(job)
        found = await board().standing(job.public_id)
        return readings, found.progress

    assert drive(talk()) == ([], 33.0)


def test_old_news_changes_nothing(job: Job) -> None:
    async def talk() -> float:
        job.progress = 50.0
        await board().standing(job.public_id)
        await tell(job)
        job.progress = 20.0
        await tell(job)
        return (await board().standing(job.public_id)).progress

    assert drive(talk()) == 50.0


def test_lost_news_is_made_up_for(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "BELIEVED_SECONDS", 0.0)

    async def talk() -> str:
        await board().standing(job.public_id)
        await in_pool(change, job, state=State.FAILED)
        return (await board().standing(job.public_id)).status.value

    assert drive(talk()) == "failed"


def test_unknown_and_malformed_ids_are_not_there() -> None:
    async def talk(job_id: str) -> None:
        await board().standing(job_id)

    for job_id in (UNKNOWN, "nope", "job_", "key_" + "0" * 32):
        with pytest.raises(NotFound):
            drive(talk(job_id))


def test_follower_is_told_each_change_once(job: Job) -> None:
    async def talk() -> list[tuple[str, float]]:
        ear = Ear()
        await board().follow(job.public_id, ear, after=None)
        for progress in (10.0, 10.0, 20.0):
            job.progress = progress
            await tell(job)
        job.state, job.progress, job.result = State.COMPLETED, 100.0, {}
        await tell(job)
        return ear.told

    assert drive(talk()) == [
        ("running", 0.0),
        ("running", 10.0),
        ("running", 20.0),
        ("completed", 100.0),
    ]


def test_follower_with_a_number_is_told_what_lies_ahead(job: Job) -> None:
    async def talk() -> list[tuple[str, float]]:
        ear = Ear()
        now = await board().standing(job.public_id)
        await board().follow(job.public_id, ear, after=now.seq)
        job.progress = 10.0
        await tell(job)
        return ear.told

    assert drive(talk()) == [("running", 10.0)]


def test_silent_job_is_read_again_for_its_followers(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "RECHECK_SECONDS", 0.02)

    async def talk() -> list[tuple[str, float]]:
        ear = Ear()
        await board().follow(job.public_id, ear, after=None)
        await in_pool(change, job, progress=70.0)
        await asyncio.sleep(0.1)
        return ear.told

    assert drive(talk()) == [("running", 0.0), ("running", 70.0)]


def test_large_result_is_not_kept_and_still_told(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "KEPT_RESULT", 10)
    change(job, state=State.COMPLETED, progress=100.0, result={"text": "x" * 100})

    async def talk() -> list[Any]:
        light = await board().standing(job.public_id)
        whole = await board().standing(job.public_id, is_whole=True)
        mailbox = Mailbox()
        await board().follow(job.public_id, mailbox, after=None)
        told = await mailbox.next(1.0)
        assert told is not None
        return [light.result, whole.result, told.result]

    assert drive(talk()) == [None, job.result, job.result]


def test_another_organisations_news_is_not_mixed_up(job: Job) -> None:
    other = make_job(make_organization(), state=State.RUNNING)

    async def talk() -> list[tuple[str, float]]:
        ear = Ear()
        await board().follow(job.public_id, ear, after=None)
        await board().follow(other.public_id, Ear(), after=None)
        other.progress = 80.0
        await tell(other)
        return ear.told

    assert drive(talk()) == [("running", 0.0)]


def test_unasked_jobs_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "KEPT_JOBS", 3)
    place: Organization = make_organization()
    jobs = [make_job(place).public_id for _ in range(6)]
    elsewhere = make_job(make_organization()).public_id

    async def talk() -> tuple[list[str], int]:
        followed = Ear()
        await board().follow(jobs[0], followed, after=None)
        for job_id in (elsewhere, *jobs[1:]):
            await board().standing(job_id)
        return list(board()._cards), len(board()._ears)

    kept, ears = drive(talk())

    assert jobs[0] in kept
    assert elsewhere not in kept
    assert ears == 1
