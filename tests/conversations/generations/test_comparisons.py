"""Comparisons by REST, with their answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from apps.conversations.generations import hub
from apps.conversations.models import Comparison, Message
from apps.core.asgi.pool import in_pool
from tests.conversations.generations.talk import Talk

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PATH = "/api/v1/comparisons"


@pytest.fixture
def two(talk: Talk) -> Talk:
    talk.house.route("ok?text=from a&prompt_tokens=3", name="a")
    talk.house.route("ok?text=from b at length&prompt_tokens=4", name="b")
    return talk


def ask(talk: Talk, *models: str, **more: Any) -> Any:
    return talk.house.post(PATH, {"prompt": "Which?", "models": list(models or "ab")}, **more)


async def settled() -> None:
    """All answers of this loop have ended and are written down."""
    async with asyncio.timeout(10):
        while hub.hub().count:  # noqa: ASYNC110 - a hub tells nobody that it is empty
            await asyncio.sleep(0.01)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call's loop lives until its answers have ended, as a server's does."""
    from apps.conversations.rest import comparisons as door  # noqa: PLC0415 - to stand in its way

    begin = door._begin

    async def begin_and_wait(request: Any) -> Any:
        response = await begin(request)
        await settled()
        return response

    monkeypatch.setattr(door, "_begin", begin_and_wait)


@pytest.mark.usefixtures("whole")
def test_a_comparison_from_its_question_to_the_choice(two: Talk) -> None:
    begun = ask(two)
    at = f"{PATH}/{begun.json()['id']}"
    shown = two.house.get(at).json()
    chosen = two.house.post(f"{at}/choose", {"model": "b"})
    (listed,) = two.house.get(PATH).json()["data"]

    assert (begun.status, begun.headers["location"]) == (201, at)
    assert (begun.json()["status"], shown["status"]) == ("generating", "complete")
    assert [
        (one["model"], one["status"], one["content"], one["usage"]) for one in shown["contenders"]
    ] == [
        ("a", "complete", "from a", {"prompt": 3, "completion": 2, "total": 5, "cost": 0.0}),
        (
            "b",
            "complete",
            "from b at length",
            {"prompt": 4, "completion": 4, "total": 8, "cost": 0.0},
        ),
    ]
    assert (chosen.status, chosen.json()["chosen"]) == (200, "b")
    assert listed == {
        "id": shown["id"],
        "prompt": "Which?",
        "models": ["a", "b"],
        "chosen": "b",
        "chosen_at": listed["chosen_at"],
        "created_at": shown["created_at"],
    }


@pytest.mark.usefixtures("whole")
def test_an_answer_is_followed_at_its_conversation(two: Talk) -> None:
    one = ask(two).json()["contenders"][1]

    told = two.house.get(
        f"/api/v1/conversations/{one['conversation_id']}/messages",
        headers={"Accept": "text/event-stream"},
    )

    lines = [line for line in told.body.decode().split("\n") if line.startswith("data: ")]
    text = "".join(json.loads(line[6:]).get("content", "") for line in lines)
    assert text == "from b at length"


@pytest.mark.usefixtures("whole")
def test_one_that_fails_is_told_and_the_other_stands(two: Talk) -> None:
    two.house.route("status?code=500", name="c", retries=0)

    at = f"{PATH}/{ask(two, 'a', 'c').json()['id']}"
    shown = two.house.get(at).json()["contenders"]

    assert [(one["status"], one["content"]) for one in shown] == [
        ("complete", "from a"),
        ("failed", ""),
    ]
    assert shown[1]["error"]["code"] == "upstream_error"
    assert two.house.post(f"{at}/choose", {"model": "c"}).status == 422


@pytest.mark.usefixtures("whole")
def test_a_repeated_key_begins_once(two: Talk) -> None:
    headers = {"Idempotency-Key": "once"}

    first, second = ask(two, headers=headers), ask(two, headers=headers)

    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert (Comparison.objects.count(), len(two.house.calls)) == (1, 2)


@pytest.mark.usefixtures("whole")
def test_each_call_counts_against_the_rate_once(two: Talk) -> None:
    headers = ask(two).headers

    remaining = int(headers["x-ratelimit-remaining"])
    after = int(ask(two).headers["x-ratelimit-remaining"])

    assert remaining - after == 2


def test_the_answers_go_on_without_the_caller(two: Talk) -> None:
    async def work() -> list[str]:
        from apps.conversations.services import comparisons  # noqa: PLC0415 - within the test

        compared = await in_pool(
            comparisons.begin_comparison, actor=two.actor, prompt="Which?", models=["a", "b"]
        )
        for begun in compared.begun:
            hub.start(two.actor, begun)
        await settled()
        return [begun.message.public_id for begun in compared.begun]

    ids = two.run(work)

    rows = Message.objects.filter(public_id__in=ids).order_by("pk")
    assert [row.content for row in rows] == ["from a", "from b at length"]
