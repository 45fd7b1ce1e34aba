"""Answers given twice: to whom, for how long, at whose expense, and what becomes of those who wait for another's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as present_settings

from apps.core.actor import Actor
from apps.core.changes import announce_change
from apps.core.http_client.client import close_session
from apps.core.limits.rates import parse_rate
from apps.core.tenancy import organization_scope
from apps.providers.domain.caching import Wishes, read_wishes
from apps.providers.domain.calls import Answer, Call
from apps.providers.domain.choice import Plan
from apps.providers.enums import BudgetScope, Dialect, Operation, Period
from apps.providers.errors import UpstreamRefused
from apps.providers.gateway import engine, kept
from apps.providers.gateway.kept import Kept, MemoryShelf, SharedShelf
from apps.providers.gateway.trace import Trace
from apps.providers.ledger import bounds
from apps.providers.models import Budget
from apps.providers.topics import ROUTES_SCOPE
from tests.factories.doors import drive
from tests.providers.gateway.house import HELLO, House, events, text

PRICES = {"input_price": Decimal(1), "output_price": Decimal(2)}


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    kept.shelf.cache_clear()
    yield
    kept.shelf.cache_clear()


def with_identity(house: House, **changes: Any) -> None:
    known = house.place.tokens.identities
    known[house.place.key] = replace(known[house.place.key], **changes)


def actor_of(house: House) -> Actor:
    return Actor(house.place.tokens.identities[house.place.key], request_id="req_1")


def chat_call(**body: Any) -> Call:
    given = {"model": "m", "messages": HELLO, **body}
    return Call(Operation.CHAT, Dialect.OPENAI, "m", given, is_stream=bool(body.get("stream")))


def said(answer: Any) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


# ------------------------------------------------------------------ hits and misses


def test_the_same_question_is_asked_once(house: House) -> None:
    house.route(house.deployment("ok?tokens=3", **PRICES), cache_seconds=60)

    first, second = house.chat(temperature=1), house.chat(temperature=1, user="ann")

    assert (first.headers["x-signalbox-cache"], second.headers["x-signalbox-cache"]) == (
        "miss",
        "hit",
    )
    assert second.json() == first.json()
    assert (second.headers["x-signalbox-cost"], second.headers["x-signalbox-attempts"]) == (
        "0",
        "0",
    )
    assert len(house.calls) == 1
    facts = ("is_cached", "status", "cost_nano", "attempts", "completion_tokens")
    assert [record["is_cached"] for record in house.records] == [False, True]
    assert [house.records[1][name] for name in facts] == [True, "ok", 0, 0, 0]


@pytest.mark.parametrize(
    "change", [{"temperature": 0.5}, {"messages": [*HELLO, *HELLO]}, {"n": 2}, {"seed": 1}]
)
def test_another_question_is_another(house: House, change: dict[str, Any]) -> None:
    house.route("ok", cache_seconds=60)

    house.chat()
    other = house.chat(**change)

    assert other.headers["x-signalbox-cache"] == "miss"
    assert len(house.calls) == 2


def test_another_organization_never_hits(house: House, tokens: Any) -> None:
    house.route("ok?text=ours", cache_seconds=60)
    other = House(tokens, house.llm, [])
    other.route("ok?text=theirs", cache_seconds=60)

    answers = [said(one.chat()) for one in (house, other, house, other)]

    assert answers == ["ours", "theirs", "ours", "theirs"]
    assert len(house.calls) == 2


def test_a_route_that_says_nothing_keeps_nothing(house: House) -> None:
    house.route("ok")

    house.chat()

    assert house.chat().headers["x-signalbox-cache"] == "miss"


def test_a_key_may_ask_for_it_itself(house: House) -> None:
    house.route("ok")
    with_identity(house, cache_seconds=60)

    house.chat()

    assert house.chat().headers["x-signalbox-cache"] == "hit"
    assert len(house.calls) == 1


def test_an_answer_is_kept_so_long_and_no_longer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = MemoryShelf()
    monkeypatch.setattr("apps.providers.gateway.keeping.shelf", lambda: shelf)
    house.route("ok", cache_seconds=60)
    house.chat()
    now = kept.time()

    monkeypatch.setattr(kept, "time", lambda: now + 58)
    young = house.chat()
    monkeypatch.setattr(kept, "time", lambda: now + 61)
    old = house.chat()

    assert young.headers["x-signalbox-cache"] == "hit"
    assert old.headers["x-signalbox-cache"] == "miss"


def test_a_changed_route_or_deployment_is_asked_anew(house: House) -> None:
    route = house.route(house.deployment("ok", name="d"), cache_seconds=60)
    house.chat()

    with organization_scope(house.organization.pk):
        route.revision += 1
        route.save()
        announce_change(ROUTES_SCOPE + house.organization.public_id)
    after_route = house.chat()
    with organization_scope(house.organization.pk):
        deployment = route.targets.get().deployment
        deployment.revision += 1
        deployment.save()
        announce_change(ROUTES_SCOPE + house.organization.public_id)
    after_deployment = house.chat()

    assert after_route.headers["x-signalbox-cache"] == "miss"
    assert after_deployment.headers["x-signalbox-cache"] == "miss"
    assert house.chat().headers["x-signalbox-cache"] == "hit"


@pytest.mark.parametrize(
    ("first", "second", "hits"),
    [
        ("", "no-store", False),
        ("", "no-cache", False),
        ("", "max-age=0", False),
        ("", "max-age=60", True),
        ("no-store", "", False),
        ("no-cache", "", True),
    ],
)
def test_the_caller_s_cache_control_is_heard(
    house: House, first: str, second: str, hits: bool
) -> None:
    house.route("ok", cache_seconds=60)

    house.chat(headers={"Cache-Control": first})
    answer = house.chat(headers={"Cache-Control": second})

    assert answer.headers["x-signalbox-cache"] == ("hit" if hits else "miss")


def test_wishes_are_read() -> None:
    assert read_wishes("") == Wishes()
    assert read_wishes("No-Store") == Wishes(may_read=False, may_store=False)
    assert read_wishes("no-cache, max-age=5") == Wishes(may_read=False, oldest_seconds=5)
    assert read_wishes("max-age=x") == Wishes()


def test_a_hit_costs_no_budget_and_counts_against_the_rate(house: House) -> None:
    house.route(
        house.deployment("ok?prompt_tokens=10&completion_tokens=500", **PRICES), cache_seconds=60
    )
    with organization_scope(house.organization.pk):
        Budget.objects.create(
            organization=house.organization,
            scope=BudgetScope.ORGANIZATION,
            period=Period.TOTAL,
            amount=Decimal("0.001"),
        )
    bounds.forget()
    with_identity(house, limits={"chat": parse_rate("3/m")})

    paid, free = house.chat(max_tokens=400), house.chat(max_tokens=400)
    refused, over = house.chat(max_tokens=401), house.chat(max_tokens=400)

    assert [paid.status, free.status, refused.status, over.status] == [200, 200, 429, 429]
    assert free.headers["x-signalbox-cache"] == "hit"
    assert (refused.error, over.error) == ("budget_exceeded", "rate_limited")
    assert [record["status"] for record in house.records] == ["ok", "ok", "refused"]


def test_a_hit_needs_no_deployment_that_is_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.route("ok", cache_seconds=60)
    house.chat(stream=True)
    monkeypatch.setattr(Plan, "first", lambda self: None)

    answer = house.chat(stream=True)

    assert answer.headers["x-signalbox-cache"] == "hit"


def test_errors_and_cut_streams_are_not_kept(house: House) -> None:
    house.route("half?after=2", retries=0, cache_seconds=60)

    cut = [events(house.chat(stream=True))[-1]["error"]["code"] for _ in range(2)]

    assert cut == ["upstream_cut", "upstream_cut"]
    assert len(house.calls) == 2


def test_a_stream_is_replayed(house: House) -> None:
    house.route("ok?tokens=4", cache_seconds=60)

    first = events(house.chat(stream=True, stream_options={"include_usage": True}))
    again = house.chat(stream=True)
    whole = house.chat()

    assert again.headers["x-signalbox-cache"] == "hit"
    assert text(events(again)) == text(first) == "word0 word1 word2 word3"
    assert events(again)[-1] == "[DONE]"
    assert first[-2]["usage"] is not None
    assert all(not part.get("usage") for part in events(again)[:-1])
    assert whole.headers["x-signalbox-cache"] == "miss"
    assert [record["is_cached"] for record in house.records] == [False, True, False]


def test_embeddings_are_kept_too(house: House) -> None:
    house.route("ok", cache_seconds=60)

    answers = [house.post("/v1/embeddings", {"model": "m", "input": "a"}) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert len(house.calls) == 1


# ------------------------------------------------------------------ calls that ask the same at once


async def _all(house: House, calls: list[Call]) -> list[Any]:
    async def one(call: Call) -> Any:
        actor = actor_of(house)
        trace = Trace(actor, call)
        try:
            return (await engine.complete(actor, call, trace)).answer.text, trace.is_cached
        except UpstreamRefused as error:
            return error.code

    try:
        return await asyncio.gather(*map(one, calls))
    finally:
        await close_session()


def test_fifty_at_once_are_one_call(house: House) -> None:
    house.route("ok?ttft=0.3&text=once", cache_seconds=60)
    with_identity(house, limits={"chat": parse_rate("100/m")})

    answers = drive(_all(house, [chat_call() for _ in range(50)]))

    assert len(house.calls) == 1
    assert sorted(answers) == [("once", False)] + [("once", True)] * 49
    assert sorted(record["is_cached"] for record in house.records) == [False] + [True] * 49


def test_when_the_first_fails_the_others_go_on(house: House) -> None:
    house.route("status?code=500", retries=0, cache_seconds=60)

    answers = drive(_all(house, [chat_call() for _ in range(5)]))

    assert answers == ["upstream_error"] * 5 or "no_deployment_available" in str(answers)
    assert answers == ["upstream_error"] * 5
    assert len(house.calls) == 5
    assert kept.flights._flights == {}


def test_when_the_first_is_cancelled_another_asks(house: House) -> None:
    house.route("ok?ttft=0.4&text=late", cache_seconds=60)

    async def story() -> tuple[str, bool]:
        actor = actor_of(house)
        first = asyncio.create_task(engine.complete(actor, chat_call()))
        await asyncio.sleep(0.1)
        trace = Trace(actor, call := chat_call())
        second = asyncio.create_task(engine.complete(actor, call, trace))
        await asyncio.sleep(0.05)
        first.cancel()
        try:
            return (await second).answer.text, trace.is_cached
        finally:
            await close_session()

    assert drive(story()) == ("late", False)
    assert kept.flights._flights == {}
    assert [record["status"] for record in house.records] == ["cancelled", "ok"]


# ------------------------------------------------------------------ shelves


def an_answer(size: int) -> Kept:
    return Kept(1.0, b"x" * size)


def test_the_shelf_is_bounded_and_drops_what_was_used_longest_ago() -> None:
    async def story() -> list[bool]:
        shelf = MemoryShelf(capacity=3 * (100 + kept.OVERHEAD))
        for name in "abc":
            await shelf.put(name, an_answer(100), 60)
        await shelf.get("a")
        await shelf.put("d", an_answer(100), 60)
        await shelf.put("d", an_answer(100), 60)
        return [await shelf.get(name) is not None for name in "abcd"]

    assert asyncio.run(story()) == [True, False, True, True]


def test_an_answer_comes_back_as_it_was() -> None:
    answer = Answer({"a": "ü"}, finish_reason="stop", text="ü")

    again = Kept.of_answer(answer).answer()

    assert (again.body, again.text, again.finish_reason, again.usage) == (
        {"a": "ü"},
        "ü",
        "stop",
        None,
    )


@pytest.mark.skipif(not present_settings.SIGNALBOX_REDIS_URL, reason="the stack has no Redis")
def test_processes_share_answers_through_redis(house: House) -> None:
    house.route("ok", cache_seconds=60)

    house.chat()
    kept.shelf.cache_clear()

    assert isinstance(kept.shelf(), SharedShelf)
    assert house.chat().headers["x-signalbox-cache"] == "hit"


def test_without_its_redis_the_upstream_is_asked(
    house: House, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    away = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
    }
    settings.CACHES = {"default": away}
    shelf = SharedShelf()
    monkeypatch.setattr("apps.providers.gateway.keeping.shelf", lambda: shelf)
    house.route("ok", cache_seconds=60)

    answers = [house.chat(), house.chat()]

    assert [answer.status for answer in answers] == [200, 200]
    assert len(house.calls) == 2
