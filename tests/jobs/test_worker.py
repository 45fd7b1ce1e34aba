"""The worker's loop within this process: threads, child processes, time limits, cancellation, stopping."""

from __future__ import annotations

import hashlib
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.utils import timezone
from pydantic import BaseModel

from apps.core import bus
from apps.core.errors import Unavailable
from apps.core.files import files
from apps.core.models import StoredFile
from apps.core.tenancy import current_organization_id, organization_scope
from apps.jobs.adapters import pipes
from apps.jobs.domain import kinds
from apps.jobs.domain.kinds import Context, Kind, Refused
from apps.jobs.models import Job
from apps.jobs.permissions import JobPermission
from apps.jobs.queries.results import result_file
from apps.jobs.services import claims, queue
from apps.jobs.worker import loop
from apps.jobs.worker.loop import Worker
from apps.tenants.models import Organization
from tests.factories.queue import fresh, make_job
from tests.factories.tenants import actor_of, make_member, make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


class Nothing(BaseModel):
    pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    settings.SIGNALBOX_SHUTDOWN_GRACE = 4
    settings.SIGNALBOX_DATA_DIR = tmp_path
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.05)
    monkeypatch.setattr(bus, "_sinks", lambda: (lambda fact: None,))


@pytest.fixture
def place() -> Organization:
    return make_organization(slug="acme", name="Acme")


@pytest.fixture
def kind_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Kind[Nothing]]:
    """`kind_of(handler, …)` declares a kind for this test."""
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))
    monkeypatch.setattr(kinds, "_handlers", dict(kinds._handlers))

    def make(handler: Callable[[Context, Nothing], Any], **values: Any) -> Kind[Nothing]:
        kind = kinds.declare(Kind("test.kind", Nothing, **{"retry_pause": 0.05, **values}))
        kinds.handles(kind)(handler)
        return kind

    return make


@contextmanager
def working(**values: Any) -> Iterator[Worker]:
    worker = Worker(**{"threads": 2, **values})
    thread = Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(20)
        assert not thread.is_alive()


def wait_for(job: Job, *states: str, timeout: float = 15.0) -> Job:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        kept = fresh(job)
        if kept.state in states:
            return kept
        time.sleep(0.02)
    raise AssertionError(f"{fresh(job).state} after {timeout} s, not {states}")


def put(kind: Kind[Nothing], place: Organization, **values: Any) -> Job:
    return queue.enqueue(kind, Nothing(), organization_id=place.pk, **values)


def test_a_job_is_run_within_its_organization(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    kind = kind_of(lambda context, payload: {"in": current_organization_id()})

    with working():
        job = wait_for(put(kind, place), "completed")

    assert (job.result, job.attempts, job.progress) == ({"in": place.pk}, 1, 100.0)


def test_progress_and_steps_are_kept_while_it_runs(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    gate = Event()

    def handle(context: Context, payload: Nothing) -> None:
        context.step("fetch")
        context.progress(40, "nul \x00 and half \ud800")
        gate.wait(10)

    with working():
        job = put(kind_of(handle), place)
        until = time.monotonic() + 10
        while fresh(job).progress != 40.0 and time.monotonic() < until:
            time.sleep(0.02)
        running = fresh(job)
        gate.set()
        ended = wait_for(job, "completed")

    assert (running.state, running.message) == ("running", "nul � and half �")
    assert [step["name"] for step in ended.steps] == ["fetch"]
    assert ended.steps[0]["ended_at"] is not None


@pytest.mark.parametrize(
    ("error", "code", "attempts"),
    [
        (Refused("not_possible", "No."), "not_possible", 1),
        (Unavailable("Away."), "unavailable", 2),
        (ZeroDivisionError("secret"), "internal_error", 2),
        (SystemExit(3), "internal_error", 2),
    ],
)
def test_what_a_handler_raises_becomes_the_error(
    place: Organization,
    kind_of: Callable[..., Kind[Nothing]],
    error: BaseException,
    code: str,
    attempts: int,
) -> None:
    def handle(context: Context, payload: Nothing) -> None:
        raise error

    with working():
        job = wait_for(put(kind_of(handle, max_attempts=2), place), "failed")

    assert (job.error["code"], job.attempts) == (code, attempts)
    assert "secret" not in job.error["message"]


def test_a_result_nobody_can_keep_fails_the_job(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    with working():
        job = wait_for(put(kind_of(lambda context, payload: {"a": "nul \x00"}), place), "failed")

    assert (job.error["code"], job.attempts) == ("result_unstorable", 1)


def test_a_result_above_a_megabyte_is_kept_as_a_file(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    large = {"rows": ["x" * 100] * 20_000}

    with working():
        job = wait_for(put(kind_of(lambda context, payload: large), place), "completed")

    file = file_of(job)
    written = read(file)
    assert json.loads(written) == large
    assert job.result == {
        "file": file.public_id,
        "name": f"{job.public_id}.json",
        "content_type": "application/json",
        "size": len(written),
        "digest": f"sha256:{hashlib.sha256(written).hexdigest()}",
        "url": f"/api/v1/jobs/{job.public_id}/result",
    }
    left = file.expires_at - job.finished_at
    assert timedelta(days=31) - timedelta(minutes=1) < left < timedelta(days=31)


def test_a_handler_may_write_its_result_as_a_file(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    def handle(context: Context, payload: Nothing) -> Any:
        rows = (f"{number}\n".encode() for number in range(3))
        return context.keep_result(rows, name="../rows.csv", content_type="text/csv")

    with working():
        job = wait_for(put(kind_of(handle), place), "completed")

    assert read(file_of(job)) == b"0\n1\n2\n"
    assert (job.result["name"], job.result["content_type"]) == ("rows.csv", "text/csv")


def test_a_result_without_room_fails_the_job_and_leaves_nothing(
    place: Organization, kind_of: Callable[..., Kind[Nothing]], settings: Any
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limited = Event()

    def handle(context: Context, payload: Nothing) -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, before[1]))
        limited.set()
        return "x" * 1_100_000

    try:
        with working():
            job = put(kind_of(handle, max_attempts=1), place)
            limited.wait(10)
            time.sleep(0.3)
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            job = wait_for(job, "failed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert (job.error["code"], job.result) == ("no_room", None)
    assert [
        path for path in (settings.SIGNALBOX_DATA_DIR / "files").rglob("*") if path.is_file()
    ] == []


def file_of(job: Job) -> StoredFile:
    with organization_scope(job.organization_id):
        found = result_file(job)
    assert found is not None
    return found


def read(file: StoredFile) -> bytes:
    with files.open(file) as stream:
        return stream.read()


def test_a_job_beyond_its_time_limit_fails_and_its_thread_is_replaced(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    gate = Event()
    stuck = kind_of(lambda context, payload: gate.wait(30), time_limit=0.2, max_attempts=1)

    with working(threads=1):
        job = wait_for(put(stuck, place), "failed")
        beside = wait_for(make_job(place), "completed")
        gate.set()

    assert job.error["code"] == "timeout"
    assert beside.state == "completed"
    assert fresh(job).state == "failed"


def test_cancel_is_heard_by_a_handler_that_listens(place: Organization) -> None:
    with working():
        job = make_job(place, seconds=30.0)
        wait_for(job, "running")
        _ask_to_cancel(job)
        ended = wait_for(job, "cancelled")

    assert ended.error is None


def test_cancel_of_a_deaf_handler_gives_it_up(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    gate = Event()

    with working():
        job = put(kind_of(lambda context, payload: gate.wait(30), cancel_grace=0.1), place)
        wait_for(job, "running")
        _ask_to_cancel(job)
        wait_for(job, "cancelled")
        gate.set()

    assert fresh(job).state == "cancelled"


def test_a_heavy_job_runs_in_a_child_process_that_is_killed(place: Organization) -> None:
    kind = kinds.kind_named("demo.compute")
    assert kind is not None
    short, long = (
        queue.enqueue(kind, kind.payload(seconds=seconds, steps=2), organization_id=place.pk)
        for seconds in (0.1, 60)
    )

    with working():
        ended = wait_for(short, "completed")
        wait_for(long, "running")
        _ask_to_cancel(long)
        wait_for(long, "cancelled")

    assert ended.result == {"slept": 0.1, "steps": 2}
    assert [step["name"] for step in ended.steps] == ["Step 1 of 2", "Step 2 of 2"]


def test_a_heavy_job_that_kills_its_process_fails_after_its_attempts(place: Organization) -> None:
    kind = kinds.kind_named("demo.compute")
    assert kind is not None
    payload = kind.payload(seconds=0, crash=True)

    with working():
        job = wait_for(queue.enqueue(kind, payload, organization_id=place.pk), "failed")
        wait_for(make_job(place), "completed")

    assert (job.error["code"], job.attempts, job.losses) == ("worker_lost", 3, 3)


def test_a_job_is_not_run_for_a_creator_who_may_not_any_more(
    place: Organization, kind_of: Callable[..., Kind[Nothing]]
) -> None:
    kind = kind_of(
        lambda context, payload: context.actor.principal, permission=JobPermission.CREATE
    )
    stays, goes = make_member(place), make_member(place)
    theirs, gone = (put(kind, place, actor=actor_of(member)) for member in (stays, goes))
    goes.user.is_active = False
    goes.user.save()

    with working():
        assert wait_for(theirs, "completed").result == stays.user.public_id
        assert wait_for(gone, "failed").error["code"] == "creator_not_allowed"


def test_a_kind_nobody_knows_fails(place: Organization) -> None:
    job = make_job(place)
    Job._base_manager.filter(pk=job.pk).update(kind="gone.kind")

    with working():
        assert wait_for(job, "failed").error["code"] == "unknown_kind"


def test_stop_gives_back_what_does_not_end_in_time(place: Organization) -> None:
    with working(threads=1):
        long = make_job(place, seconds=60.0)
        wait_for(long, "running")
        waiting = make_job(place, seconds=60.0)

    kept = fresh(long)
    assert (kept.state, kept.attempts, kept.claim) == ("queued", 0, 2)
    assert fresh(waiting).state == "queued"
    assert list(pipes.folder().glob("*.bell")) == []


def test_long_work_of_one_organization_leaves_room_for_anothers_first(place: Organization) -> None:
    other = make_organization()

    with working(threads=1):
        long = [make_job(place, seconds=60.0) for _ in range(3)]
        wait_for(long[0], "running")
        one = wait_for(make_job(other), "completed")

    assert one.state == "completed"


def test_a_dead_workers_jobs_are_taken_up_at_once(place: Organization) -> None:
    job = make_job(place)
    name = f"{pipes.host()}.1.dead"
    claims.claim(worker=name, count=1, now=timezone.now() + timedelta(seconds=1))
    pipes.folder().mkdir(parents=True, exist_ok=True)
    (pipes.folder() / f"{name}.lock").touch()

    with working():
        ended = wait_for(job, "completed")

    assert (ended.attempts, ended.losses) == (2, 1)
    assert not (pipes.folder() / f"{name}.lock").exists()


def _ask_to_cancel(job: Job) -> None:
    Job._base_manager.filter(pk=job.pk).update(cancel_requested_at=timezone.now())
