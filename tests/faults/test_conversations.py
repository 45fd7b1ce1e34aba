"""Answers under faults: processes that die, viewers who come back elsewhere, stops from the other side, the end."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.gateway import LiveGateway, live_gateway
from tests.faults.talking import Chat, Event, text
from tests.rig.servers import ServerProcess
from tests.rig.site import Site, copy_site

pytestmark = [pytest.mark.integration, pytest.mark.no_jobs]


@pytest.fixture(scope="module", params=["with redis", "without redis"])
def pair(
    request: pytest.FixtureRequest, first_site: Site, site_numbers: Any, tmp_path_factory: Any
) -> Iterator[tuple[LiveGateway, ServerProcess]]:
    """Two processes on one database."""
    site = copy_site(first_site, tmp_path_factory.mktemp("talk") / "site", site_numbers())
    site.env["SIGNALBOX_EMBEDDED_WORKER"] = "false"
    if request.param == "with redis":
        site.use_redis()
    with live_gateway(site) as live:
        if request.param == "with redis":
            live.wait_for_ledger()
        yield live, site.start()
    site.close()


@pytest.fixture
def one(site: Site) -> Iterator[LiveGateway]:
    with live_gateway(site, SIGNALBOX_SHUTDOWN_GRACE="6") as live:
        yield live


def words(count: int) -> str:
    return " ".join(f"word{n}" for n in range(count))


def test_an_answer_is_followed_from_the_other_process(
    pair: tuple[LiveGateway, ServerProcess],
) -> None:
    gateway, other = pair
    chat = Chat(gateway, gateway.route("ok?tokens=60&gap=0.03"))

    async def work() -> tuple[str, list[Event], list[Event]]:
        name = await chat.say(gateway.server)
        here, there = await asyncio.gather(chat.follow(gateway.server), chat.follow(other))
        return name, here, there

    name, here, there = asyncio.run(work())

    assert text(here) == text(there) == words(60)
    for told in (here, there):
        assert [event.name for event in told][-2:] == ["usage", "done"]
        assert told[-1].data["messageId"] == name
    # It is told while it is written, not when it has ended.
    assert there[-1].at - there[1].at > 0.8


def test_ten_reconnects_at_changing_processes_tell_every_character_once(
    pair: tuple[LiveGateway, ServerProcess],
) -> None:
    gateway, other = pair
    chat = Chat(gateway, gateway.route("ok?tokens=80&gap=0.04"))

    async def work() -> str:
        await chat.say(gateway.server)
        seen, after = "", ""
        for turn in range(10):
            told = await chat.follow((gateway.server, other)[turn % 2], after=after, most=1)
            seen += text(told)
            after = told[-1].id if told else after
        return seen + text(await chat.follow(other, after=after))

    assert asyncio.run(work()) == words(80)


def test_a_stop_from_the_other_process_ends_the_call_upstream_within_a_second(
    pair: tuple[LiveGateway, ServerProcess],
) -> None:
    gateway, other = pair
    gateway.llm.forget()
    chat = Chat(gateway, gateway.route("stall?after=4&text=one two three four"))

    async def work() -> tuple[float, int, Any]:
        name = await chat.say(gateway.server)
        await asyncio.sleep(0.2)
        began = time.monotonic()
        status, told = await chat.post(other, name, "stop")
        return began, status, told

    began, status, told = asyncio.run(work())
    seen = gateway.llm.wait_for(lambda calls: calls[0].left_after is not None)[0]

    assert (status, told["status"], told["content"]) == (200, "stopped", "one two three")
    assert seen.at + (seen.left_after or 99) - began < 1.0
    assert told["usage"]["completion"] == 3


def test_killed_in_the_middle_the_text_is_there_and_can_be_gone_on_with(site: Site) -> None:
    with live_gateway(site) as gateway:
        chat = Chat(gateway, gateway.route("ok?tokens=400&gap=0.02"))
        told: list[Event] = []

        async def watch() -> str:
            name = await chat.say(gateway.server)
            follower = asyncio.create_task(chat.follow(gateway.server, into=told))
            await asyncio.sleep(2.5)
            gateway.server.kill()
            killed.append(time.monotonic())
            await asyncio.gather(follower, return_exceptions=True)
            return name

        killed: list[float] = []
        name = asyncio.run(watch())
        second = site.start()
        before_half_a_second = text([each for each in told if each.at < killed[0] - 0.5])

        async def back() -> tuple[Any, list[Event], Any, list[Event]]:
            row = await chat.until(second, name, "interrupted")
            rest = await chat.follow(second, after=told[-1].id)
            await chat.post(second, name, "continue", stream=False)
            return row, rest, await chat.message(second, name), await chat.follow(second)

        row, rest, whole, again = asyncio.run(back())

    seen = text(told)
    assert len(before_half_a_second) > 100
    assert row["content"].startswith(before_half_a_second)
    assert seen.startswith(row["content"]) or row["content"].startswith(seen)
    assert [event.name for event in rest][-1] == "error"
    assert rest[-1].data["code"] == "interrupted"
    assert whole["status"] == "complete"
    assert whole["content"].startswith(row["content"])
    assert text(again) == whole["content"]


def test_a_server_that_stops_lets_answers_come_to_their_end(one: LiveGateway) -> None:
    chat = Chat(one, one.route("ok?tokens=40&gap=0.05"))

    async def work() -> tuple[str, list[Event]]:
        name = await chat.say(one.server)
        follower = asyncio.create_task(chat.follow(one.server))
        await asyncio.sleep(0.5)
        one.server.signal(signal.SIGTERM)
        return name, await follower

    name, told = asyncio.run(work())
    one.server.terminate()
    row = asyncio.run(chat.message(one.site.start(), name))

    assert (text(told), told[-1].name) == (words(40), "done")
    assert (row["status"], row["content"]) == ("complete", words(40))


def test_at_the_end_of_the_grace_what_is_not_whole_says_so(one: LiveGateway) -> None:
    chat = Chat(one, one.route("ok?tokens=4000&gap=0.02"))
    lonely = Chat(one, one.route("ok?tokens=4000&gap=0.02"))

    async def work() -> tuple[str, str, list[Event]]:
        name, other = await chat.say(one.server), await lonely.say(one.server)
        follower = asyncio.create_task(chat.follow(one.server))
        await asyncio.sleep(0.5)
        one.server.signal(signal.SIGTERM)
        return name, other, await follower

    name, other, told = asyncio.run(work())
    began = time.monotonic()
    one.server.terminate()
    took = time.monotonic() - began
    second = one.site.start()
    row = asyncio.run(chat.message(second, name))
    alone = asyncio.run(lonely.message(second, other))

    assert told[-1].name == "error"
    assert told[-1].data["code"] == "interrupted"
    assert (row["status"], row["content"]) == ("interrupted", text(told))
    assert alone["status"] == "interrupted"
    assert len(alone["content"]) > 500
    assert took < 6


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_plain_curl_hears_an_answer_and_comes_back_to_it(
    pair: tuple[LiveGateway, ServerProcess],
) -> None:
    gateway, other = pair
    chat = Chat(gateway, gateway.route("ok?text=one two three&gap=0.02"))
    key = ("-H", f"Authorization: Bearer {chat.key}")

    said = _curl(
        *key, "-H", "Accept: text/event-stream", "-H", "Content-Type: application/json",
        "-d", '{"content": "Hi"}', f"{gateway.server.url}{chat.path}",
    )  # fmt: skip
    last = [line.removeprefix("id: ") for line in said.split("\n") if line.startswith("id: ")]
    back = ("-H", "Accept: text/event-stream", "-H", f"Last-Event-ID: {last[0]}")
    again = _curl(*key, *back, f"{other.url}{chat.path}")

    assert "event: start\n" in said
    assert 'event: done\ndata: {"messageId"' in said
    assert last[-1].endswith(":13.done")
    assert 'event: token\ndata: {"content":"one two three"}' in again


def _curl(*arguments: str) -> str:
    done = subprocess.run(
        ["curl", "-sS", "-N", "--max-time", "30", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
