"""The gateway as a process before upstreams that fail: crowds, budgets, callers who leave, secrets said back, the end."""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.gateway import MESSAGES, SECRET, LiveGateway, live_gateway
from tests.rig.http import Answer
from tests.rig.site import Site, copy_site
from tests.rig.sites import has_redis

pytestmark = pytest.mark.integration
CROWD = 200


@pytest.fixture(scope="module")
def gateway(
    first_site: Site, site_numbers: Any, tmp_path_factory: Any, request: pytest.FixtureRequest
) -> Iterator[LiveGateway]:
    """One process on SQLite; two of them on PostgreSQL and Redis."""
    folder = tmp_path_factory.mktemp("gateway") / "site"
    site = copy_site(first_site, folder, site_numbers())
    workers = 1
    if has_redis(request.config):
        site.use_redis()
        workers = 2
    with live_gateway(site, workers=workers) as live:
        live.wait_for_ledger()
        yield live
    site.close()


def test_a_crowd_at_a_hanging_provider_holds_nobody_up(gateway: LiveGateway) -> None:
    hanging = gateway.route("hang", timeouts={"total": 4})
    theirs = gateway.stranger("neighbours")
    fine = gateway.route("ok?tokens=3", key=theirs)
    alive: list[float] = []
    others: list[int] = []

    async def look(calls: list[Any]) -> None:
        async with aiohttp.ClientSession(gateway.server.url) as session:
            while not all(call.done() for call in calls):
                began = time.monotonic()
                async with session.get("/health/live") as answer:
                    assert answer.status == 200
                alive.append(time.monotonic() - began)
                body = {"model": fine, "messages": MESSAGES}
                headers = {"Authorization": f"Bearer {theirs}"}
                async with session.post("/v1/chat/completions", json=body, headers=headers) as told:
                    others.append(told.status)
                await asyncio.sleep(0.05)

    answers = gateway.crowd(hanging, CROWD, beside=look)

    assert Counter(answer.status for answer, _ in answers) == {504: CROWD}
    assert {answer.json()["error"]["code"] for answer, _ in answers} == {"upstream_timeout"}
    assert min(seconds for _, seconds in answers) >= 4
    assert max(seconds for _, seconds in answers) < 4 + 2.5
    assert statistics.quantiles(alive, n=20)[-1] < 0.2, sorted(alive)[-5:]
    assert set(others) == {200}
    assert len(others) > 10
    assert len(gateway.calls_booked(hanging, CROWD)) == CROWD


def test_a_crowd_under_a_budget_is_exact(gateway: LiveGateway) -> None:
    model = gateway.route("ok?tokens=10&prompt_tokens=80&ttft=0.05")  # 100 millionths a call
    key = gateway.key(
        budget={"amount": 0.01, "period": "total"}, limits={"all": "100000/m"}
    )  # a hundred calls

    answers = gateway.crowd(model, CROWD, key=key, max_tokens=10)

    told = Counter(answer.status for answer, _ in answers)
    codes = {answer.json()["error"]["code"] for answer, _ in answers if answer.status != 200}
    assert (told[200], told[429], codes) == (100, 100, {"budget_exceeded"})
    costs = [Decimal(a.headers["x-signalbox-cost"]) for a, _ in answers if a.status == 200]
    assert (
        Decimal("0.0099") < sum(costs, Decimal(0)) <= Decimal("0.01")
    )  # the last one was made to fit
    assert len(gateway.llm.calls) >= 100


def test_the_ledger_and_the_rows_agree_though_half_a_crowd_leaves(gateway: LiveGateway) -> None:
    model = gateway.route("ok?tokens=40&gap=0.05&prompt_tokens=10")
    key = gateway.key(budget={"amount": 1, "period": "total"}, limits={"all": "100000/m"})

    async def leave(calls: list[Any]) -> None:
        await asyncio.sleep(1.5)
        for call in calls[::2]:
            call.cancel()
        await asyncio.wait(calls)

    with pytest.raises(asyncio.CancelledError):
        gateway.crowd(model, 100, key=key, beside=leave, stream=True, max_tokens=40)
    rows = gateway.calls_booked(model, 100)
    last = gateway.chat(model, key=key, max_tokens=40)

    assert Counter(row["status"] for row in rows) == {"ok": 50, "cancelled": 50}
    assert {row["cost"] for row in rows if row["status"] == "ok"} == {90e-6}
    spent = sum((Decimal(str(row["cost"])) for row in rows), Decimal(0))
    spent += Decimal(last.headers["x-signalbox-cost"])
    assert Decimal(last.headers["x-signalbox-budget-remaining"]) == 1 - spent


def test_a_crowd_under_a_limit_is_exact(gateway: LiveGateway) -> None:
    model = gateway.route("ok?tokens=1")
    key = gateway.key(limits={"chat": "50/h"})
    # A server that has just begun takes its ledger up first.
    other, until = gateway.key(limits={"all": "100000/m"}), time.monotonic() + 15
    while gateway.chat(model, key=other).status != 200 and time.monotonic() < until:
        time.sleep(0.2)

    answers = gateway.crowd(model, CROWD, key=key)

    assert Counter(answer.status for answer, _ in answers) == {200: 50, 429: 150}
    refused = next(answer for answer, _ in answers if answer.status == 429)
    assert refused.json()["error"]["code"] == "rate_limited"
    assert int(refused.headers["retry-after"]) > 0


ASK = 'mutation($model: String!) { createCompletion(input: {model: $model, prompt: "Hello"}) { text } }'


@pytest.mark.parametrize("door", ["stream", "whole", "graphql"])
def test_a_caller_who_leaves_ends_the_call_upstream(gateway: LiveGateway, door: str) -> None:
    is_stream = door == "stream"
    model = gateway.route("ok?tokens=400&gap=0.05" if is_stream else "hang")
    gateway.llm.forget()
    path = "/graphql" if door == "graphql" else "/v1/chat/completions"
    body: dict[str, Any] = {"model": model, "messages": MESSAGES, "stream": is_stream}
    if door == "graphql":
        body = {"query": ASK, "variables": {"model": model}}

    async def leave() -> None:
        headers = {"Authorization": f"Bearer {gateway.patient}"}
        timeout = aiohttp.ClientTimeout(total=1)
        async with (
            aiohttp.ClientSession(gateway.server.url, timeout=timeout) as session,
            session.post(path, json=body, headers=headers) as answer,
        ):
            await answer.read()

    with pytest.raises(TimeoutError):
        asyncio.run(leave())

    (seen,) = gateway.llm.wait_for(lambda calls: bool(calls) and calls[0].left_after is not None)
    assert seen.left_after is not None
    assert seen.left_after < 1 + 2
    (row,) = gateway.calls_booked(model, 1)
    assert row["status"] == "cancelled"
    assert (row["completion_tokens"] > 0) is is_stream


def test_a_credential_said_back_is_written_nowhere(gateway: LiveGateway) -> None:
    told = []
    for kind in ("openai", "anthropic", "gemini", "azure_openai", "ollama"):
        model = gateway.route("status?code=500&echo=1", kind=kind, captures=True)
        told += [gateway.chat(model, stream=is_stream) for is_stream in (False, True)]
        told.append(gateway.server.post(f"/api/v1/providers/{model}/test"))
        told.append(gateway.server.get(f"/api/v1/providers/{model}"))
        told += captures_of(gateway, model, 2)
        assert gateway.calls_booked(model, 2)

    assert {answer.status for answer in told} == {200, 502}
    for answer in told:
        assert SECRET not in answer.text + str(answer.headers)
    assert SECRET not in gateway.server.log
    for path in Path(gateway.site.folder).rglob("*"):
        if path.is_file() and not path.is_socket():
            assert SECRET.encode() not in path.read_bytes(), path


def captures_of(gateway: LiveGateway, model: str, at_least: int) -> list[Answer]:
    """Each as it is read; they are written a moment after their calls."""
    until = time.monotonic() + 15
    while True:
        found = gateway.server.get(f"/api/v1/captures?model={model}").json()["data"]
        if len(found) >= at_least:
            return [gateway.server.get(f"/api/v1/captures/{row['id']}") for row in found]
        assert time.monotonic() < until, found
        time.sleep(0.2)


@pytest.mark.parametrize("is_stream", [True, False])
def test_the_end_of_the_process_is_told_to_those_who_wait(make_site: Any, is_stream: bool) -> None:
    with live_gateway(make_site(), SIGNALBOX_SHUTDOWN_GRACE="4") as gateway:
        model = gateway.route("ok?tokens=4000&gap=0.05" if is_stream else "hang")
        answers: list[Answer] = []

        async def stop(calls: list[Any]) -> None:
            await asyncio.sleep(2)
            gateway.server.signal(signal.SIGTERM)
            answers.extend([answer for answer, _ in await asyncio.gather(*calls)])

        gateway.crowd(model, 10, beside=stop, stream=is_stream)
        until = time.monotonic() + 4
        while gateway.server.is_running():
            assert time.monotonic() < until
            time.sleep(0.05)
        seen = gateway.llm.wait_for(lambda calls: all(call.left_after for call in calls))
        assert len(seen) == 10

        for answer in answers:
            last = answer.body.rstrip().split(b"\n\n")[-1].removeprefix(b"data: ")
            assert answer.status == (200 if is_stream else 503)
            assert json.loads(last)["error"]["code"] == "server_stopping"
            assert b"[DONE]" not in answer.body
        gateway.server = gateway.site.start()
        rows = gateway.calls_booked(model, 10)
        assert [row["status"] for row in rows] == ["cancelled"] * 10
        assert all((row["completion_tokens"] > 0) is is_stream for row in rows)
