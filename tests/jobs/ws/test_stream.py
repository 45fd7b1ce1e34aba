"""A job's stream over a WebSocket, and the same as a subscription."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.core.actor import Role
from apps.core.asgi.lifecycle import lifecycle
from apps.core.changes import _tell
from apps.core.ws.registry import registry
from apps.events.hub import hub
from apps.jobs.domain.states import State
from apps.jobs.models import Job
from apps.jobs.queries.board import board
from apps.jobs.services.queue import live_values
from tests.factories.doors import KnownTokens, Socket, drive
from tests.factories.events import make_identity, make_published
from tests.factories.jobs import UNKNOWN, make_job
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def job(tokens: KnownTokens) -> Job:
    organization = make_organization()
    tokens.identities["ours"] = make_identity(organization, Role.VIEWER)
    tokens.identities["theirs"] = make_identity(make_organization())
    return make_job(organization, state=State.RUNNING)


def tell(job: Job, **values: Any) -> None:
    for name, value in values.items():
        setattr(job, name, value)
    data = live_values(job)
    hub.publish(
        [make_published(organization_id=job.organization_id, topic="job.progress", data=data)]
    )


def end(job: Job) -> None:
    tell(job, state=State.COMPLETED, progress=100.0, result={"slept": 1})


def stream(job_id: str, query: str = "", *, key: str = "ours", **more: Any) -> Socket:
    return Socket(f"/api/v1/job/{job_id}/stream{query}", key=key, **more)


def frame(
    job: Job, kind: str, status: str, progress: float, seq: int, **more: Any
) -> dict[str, Any]:
    shape = {"type": kind, "status": status, "progress": progress, "seq": seq, "message": ""}
    return {**shape, "job_id": job.public_id, **more}


def test_stream_tells_where_the_job_stands_and_each_change_to_its_end(job: Job) -> None:
    async def talk() -> list[Any]:
        async with stream(job.public_id) as socket:
            heard = [await socket.hear()]
            tell(job, progress=45.2, message="scoring")
            heard.append(await socket.hear())
            end(job)
            return [*heard, await socket.hear(), await socket.hear()]

    assert drive(talk()) == [
        frame(job, "progress", "running", 0.0, 1_000_000),
        frame(job, "progress", "running", 45.2, 1_045_200, message="scoring"),
        frame(
            job, "complete", "completed", 100.0, 1_900_000, message="scoring", result={"slept": 1}
        ),
        1000,
    ]


def test_many_viewers_are_told_the_same(job: Job) -> None:
    async def talk() -> list[Any]:
        async with stream(job.public_id) as one, stream(job.public_id) as two:
            for socket in (one, two):
                await socket.hear()
            end(job)
            return [await one.hear(), await two.hear()]

    one, two = drive(talk())

    assert one == two
    assert one["type"] == "complete"


@pytest.mark.parametrize(
    ("state", "kind"),
    [(State.COMPLETED, "complete"), (State.FAILED, "error"), (State.CANCELLED, "error")],
)
def test_ended_job_answers_its_last_frame_and_closes(job: Job, state: State, kind: str) -> None:
    ended = make_job(job.organization, state=state)

    async def talk() -> list[Any]:
        async with stream(ended.public_id) as socket:
            return [(await socket.hear())["type"], await socket.hear()]

    assert drive(talk()) == [kind, 1000]


def test_returning_with_a_number_is_told_what_lies_ahead_of_it(job: Job) -> None:
    async def talk() -> list[Any]:
        async with stream(job.public_id, "?after=1000000") as socket:
            is_silent = await socket.is_silent()
            tell(job, progress=10.0)
            return [is_silent, (await socket.hear())["seq"]]

    assert drive(talk()) == [True, 1_010_000]


def test_returning_after_the_end_closes_at_once(job: Job) -> None:
    ended = make_job(job.organization, state=State.COMPLETED)

    async def talk() -> Any:
        async with stream(ended.public_id, "?after=1900000") as socket:
            return await socket.hear()

    assert drive(talk()) == 1000


@pytest.mark.parametrize("job_id", [UNKNOWN, "nope", "key_" + "0" * 32])
def test_unknown_job_is_not_found(job: Job, job_id: str) -> None:
    async def talk() -> list[Any]:
        async with stream(job_id) as socket:
            return [(await socket.hear())["error"], await socket.hear()]

    assert drive(talk()) == ["not_found", 4404]


def test_another_organisations_job_is_not_found(job: Job) -> None:
    async def talk() -> list[Any]:
        async with stream(job.public_id, key="theirs") as socket:
            return [(await socket.hear())["error"], await socket.hear()]

    assert drive(talk()) == ["not_found", 4404]


def test_bad_number_is_refused(job: Job) -> None:
    async def talk() -> list[Any]:
        async with stream(job.public_id, "?after=soon") as socket:
            told = await socket.hear()
            return [told["error"], told["fields"][0]["field"], await socket.hear()]

    assert drive(talk()) == ["validation_error", "after", 4400]


def test_unknown_key_is_closed(job: Job) -> None:
    async def talk() -> list[Any]:
        async with stream(job.public_id, key="guess") as socket:
            return [(await socket.hear())["error"], await socket.hear()]

    assert drive(talk()) == ["unauthenticated", 4401]


def test_role_without_the_permission_is_refused(job: Job, tokens: KnownTokens) -> None:
    tokens.identities["blind"] = make_identity(job.organization, permissions=frozenset())

    async def talk() -> list[Any]:
        async with stream(job.public_id, key="blind") as socket:
            return [(await socket.hear())["error"], await socket.hear()]

    assert drive(talk()) == ["permission_denied", 4401]


def test_first_frame_may_carry_the_token(job: Job) -> None:
    async def talk() -> list[Any]:
        async with stream(job.public_id, key="") as socket:
            await socket.say({"type": "auth", "token": "ours"})
            first = (await socket.hear())["type"]
            await socket.say({"type": "ping"})
            await socket.say({"type": "shout"})
            return [first, await socket.hear(), (await socket.hear())["error"]]

    assert drive(talk()) == ["progress", {"type": "pong"}, "validation_error"]


def test_revoked_key_ends_the_stream(job: Job, tokens: KnownTokens) -> None:
    async def talk() -> Any:
        async with stream(job.public_id) as socket:
            await socket.hear()
            del tokens.identities["ours"]
            _tell("identity:")
            return await socket.hear()

    assert drive(talk()) == 4401


def test_drain_closes_for_a_restart(job: Job) -> None:
    async def talk() -> Any:
        async with stream(job.public_id) as socket:
            await socket.hear()
            await registry.finish_all()
            return await socket.hear()

    assert drive(talk()) == 1012
    assert lifecycle.is_draining is False


def test_leaving_lets_go_of_the_job(job: Job) -> None:
    async def talk() -> list[int]:
        async with stream(job.public_id) as socket:
            await socket.hear()
            during = len(board()._cards[job.public_id].followers)
        return [during, len(board()._cards[job.public_id].followers)]

    assert drive(talk()) == [1, 0]


SUBSCRIBE = (
    "subscription ($id: ID, $after: BigInt) { jobProgress(jobId: $id, after: $after) "
    "{ type jobId status progress message result error seq topic event } }"
)


class Talk(Socket):
    def __init__(self, key: str = "ours") -> None:
        super().__init__("/graphql", key=key, protocol="graphql-transport-ws")

    async def follow(self, **variables: Any) -> None:
        await self.say({"type": "connection_init"})
        await self.hear()
        payload = {"query": SUBSCRIBE, "variables": variables}
        await self.say({"id": "1", "type": "subscribe", "payload": payload})
        await asyncio.sleep(0.05)


def shown(message: Any) -> list[Any]:
    told = message["payload"]["data"]["jobProgress"]
    return [told["type"], told["progress"], told["seq"], told["topic"], told["event"]]


def test_subscription_of_one_job_ends_with_it(job: Job) -> None:
    async def talk() -> list[Any]:
        async with Talk() as socket:
            await socket.follow(id=job.public_id)
            first = shown(await socket.hear())
            end(job)
            return [first, shown(await socket.hear()), (await socket.hear())["type"]]

    assert drive(talk()) == [
        ["progress", 0.0, 1_000_000, "job.progress", None],
        ["complete", 100.0, 1_900_000, "job.progress", None],
        "complete",
    ]


def test_subscription_of_anothers_job_is_not_found(job: Job) -> None:
    async def talk() -> Any:
        async with Talk("theirs") as socket:
            await socket.follow(id=job.public_id)
            return (await socket.hear())["payload"]

    told = drive(talk())

    assert "NOT_FOUND" in str(told)


def test_subscription_without_a_job_is_the_topics(job: Job) -> None:
    async def talk() -> Any:
        async with Talk() as socket:
            await socket.follow()
            tell(job, progress=10.0)
            return shown(await socket.hear())

    assert drive(talk()) == ["progress", 10.0, 1, "job.progress", "a.b.c"]
