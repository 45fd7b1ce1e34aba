"""A job's stream as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.asgi.gate import handle_http
from apps.core.changes import _tell
from apps.core.ws.registry import registry
from apps.events.hub import hub
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.queries.board import board
from apps.jobs.rest import events
from apps.jobs.services.queue import live_values
from tests.client import GateClient
from tests.factories.doors import KnownTokens, drive
from tests.factories.events import make_identity, make_published
from tests.factories.jobs import make_job
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def job(tokens: KnownTokens) -> Job:
    organization = make_organization()
    tokens.identities["ours"] = make_identity(organization, Role.VIEWER)
    tokens.identities["theirs"] = make_identity(make_organization())
    return make_job(organization, state=State.RUNNING)


class Reader:
    """Reads one stream while it runs."""

    def __init__(self, path: str, key: str, **headers: str) -> None:
        sent = {"host": "testserver", "authorization": f"Bearer {key}", **headers}
        self.scope = {
            **GateClient()._scope("GET", path, None, list(sent.items())),
        }
        self.parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self.gone.is_set() and not getattr(self, "_asked", False):
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.parts.put_nowait(message)

    async def next(self) -> Any:
        """The next event as (name, id, data); a comment as text; None at the end; a start as its status."""
        async with asyncio.timeout(2):
            message = await self.parts.get()
        if message["type"] == "http.response.start":
            return message["status"]
        text = message["body"].decode().strip()
        if not text:
            return None
        if text.startswith((":", "retry")):
            return text
        lines = dict(line.split(": ", 1) for line in text.split("\n"))
        data = json.loads(lines["data"])
        return lines["event"], lines.get("id"), data.get("progress", data.get("reason"))


@asynccontextmanager
async def reading(
    job: Job, query: str = "", key: str = "ours", **headers: str
) -> AsyncIterator[Reader]:
    reader = Reader(f"/api/v1/jobs/{job.public_id}/events{query}", key, **headers)
    task = asyncio.create_task(handle_http(reader.scope, reader.receive, reader.send))
    try:
        yield reader
    finally:
        reader.gone.set()
        await task


def tell(job: Job, **values: Any) -> None:
    for name, value in values.items():
        setattr(job, name, value)
    data = live_values(job)
    hub.publish(
        [make_published(organization_id=job.organization_id, topic="job.progress", data=data)]
    )


async def opened(reader: Reader) -> list[Any]:
    return [await reader.next(), await reader.next()]


def test_stream_tells_each_change_and_ends_with_the_job(job: Job) -> None:
    async def talk() -> list[Any]:
        async with reading(job) as reader:
            heard = [*await opened(reader), await reader.next()]
            tell(job, progress=45.2)
            heard.append(await reader.next())
            tell(job, state=State.COMPLETED, progress=100.0, result=1)
            return [*heard, await reader.next(), await reader.next()]

    assert drive(talk()) == [
        200,
        "retry: 1000",
        ("progress", "1000000", 0.0),
        ("progress", "1045200", 45.2),
        ("complete", "1900000", 100.0),
        None,
    ]


@pytest.mark.parametrize(
    ("query", "headers"), [("?after=1000000", {}), ("", {"last-event-id": "1000000"})]
)
def test_returning_with_a_number_is_told_what_lies_ahead(
    job: Job, query: str, headers: dict[str, str]
) -> None:
    async def talk() -> list[Any]:
        async with reading(job, query, **headers) as reader:
            await opened(reader)
            await asyncio.sleep(0.01)
            tell(job, progress=10.0)
            return [await reader.next()]

    assert drive(talk()) == [("progress", "1010000", 10.0)]


def test_slow_reader_is_told_the_newest_alone(job: Job) -> None:
    async def talk() -> list[Any]:
        async with reading(job) as reader:
            await opened(reader)
            await reader.next()
            for progress in (10.0, 20.0, 30.0):
                tell(job, progress=progress)
            return [await reader.next()]

    assert drive(talk()) == [("progress", "1030000", 30.0)]


def test_silence_is_kept_alive(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE", 0.02)

    async def talk() -> list[Any]:
        async with reading(job) as reader:
            await opened(reader)
            return [await reader.next(), await reader.next()]

    assert drive(talk()) == [("progress", "1000000", 0.0), ": still here"]


def test_drain_ends_the_stream_with_an_event(job: Job) -> None:
    async def talk() -> list[Any]:
        async with reading(job) as reader:
            await opened(reader)
            await reader.next()
            await registry.finish_all()
            return [await reader.next(), await reader.next()]

    assert drive(talk()) == [("end", None, "restart"), None]


def test_revoked_key_ends_the_stream(job: Job, tokens: KnownTokens) -> None:
    async def talk() -> list[Any]:
        async with reading(job) as reader:
            await opened(reader)
            await reader.next()
            del tokens.identities["ours"]
            _tell("identity:")
            return [await reader.next(), await reader.next()]

    assert drive(talk()) == [("end", None, "unauthenticated"), None]


def test_leaving_lets_go_of_the_job(job: Job) -> None:
    async def talk() -> list[int]:
        async with reading(job) as reader:
            await opened(reader)
            await reader.next()
            during = len(board()._cards[job.public_id].followers)
        return [during, len(board()._cards[job.public_id].followers), registry.count]

    assert drive(talk()) == [1, 0, 0]


def test_ended_job_answers_its_last_event(job: Job) -> None:
    ended = make_job(job.organization, state=State.CANCELLED)

    answer = GateClient().get(f"/api/v1/jobs/{ended.public_id}/events", key="ours")

    assert answer.headers["content-type"] == "text/event-stream"
    retry, event = answer.body.decode().strip().split("\n\n")
    assert retry == "retry: 1000"
    assert event.split("\n")[:2] == ["id: 1900000", "event: error"]


def test_returning_after_the_end_is_told_to_stop(job: Job) -> None:
    ended = make_job(job.organization, state=State.COMPLETED)

    answer = GateClient().get(f"/api/v1/jobs/{ended.public_id}/events?after=1900000", key="ours")

    assert (answer.status, answer.body) == (204, b"")


def test_bad_number_is_refused(job: Job) -> None:
    answer = GateClient().get(f"/api/v1/jobs/{job.public_id}/events?after=soon", key="ours")

    assert (answer.status, answer.json()["invalid_fields"]) == (422, ["after"])
