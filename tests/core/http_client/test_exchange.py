"""Answers read as they arrive: bounded in time and bytes, let go of at once."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Any

import pytest

from apps.core.http_client import client
from apps.core.http_client.errors import CallFailed, CallTimedOut, Forbidden
from apps.core.http_client.exchange import open_exchange
from tests.factories.receiver import (
    BOMB,
    Receiver,
    bomb,
    drip,
    garbage,
    half,
    hang,
    huge,
    reset,
    status,
)

TIMES: dict[str, Any] = {
    "first_byte_seconds": 0.4,
    "idle_seconds": 0.4,
    "total_seconds": 5.0,
    "most_bytes": 100_000,
}


def read(url: str, *, method: str = "POST", **changes: Any) -> tuple[int, bytes]:
    """Status and body, whole."""

    async def run() -> tuple[int, bytes]:
        try:
            exchange = await open_exchange(
                method, url, headers={"Authorization": "Bearer x"}, **{**TIMES, **changes}
            )
            try:
                return exchange.status, b"".join([piece async for piece in exchange.pieces()])
            finally:
                await exchange.close()
        finally:
            await client.close_session()

    return asyncio.run(run())


def test_open_exchange_reads_the_answer_in_pieces(receiver: Receiver):
    receiver.answers["/"] = [status(200, b"x" * 90_000)]

    assert read(receiver.url(), body=b"{}") == (200, b"x" * 90_000)
    assert (receiver.received[0].method, receiver.received[0].body) == ("POST", b"{}")


def test_open_exchange_gives_headers_by_lower_case(receiver: Receiver):
    receiver.answers["/"] = [status(429, b"", Retry_After="7")]

    async def run() -> tuple[str, str | None]:
        exchange = await open_exchange("POST", receiver.url(), headers={}, **TIMES)
        await exchange.close()
        await client.close_session()
        return exchange.headers["retry-after"], exchange.headers.get("nothing")

    assert asyncio.run(run()) == ("7", None)


def test_open_exchange_unpacks_what_came_packed(receiver: Receiver):
    receiver.answers["/"] = [status(200, gzip.compress(b"hello" * 100), Content_Encoding="gzip")]

    assert read(receiver.url()) == (200, b"hello" * 100)


@pytest.mark.parametrize("answer", [bomb, huge])
def test_open_exchange_stops_at_its_most_bytes(receiver: Receiver, answer: Any):
    receiver.answers["/"] = [answer]

    with pytest.raises(CallFailed) as raised:
        read(receiver.url())

    assert raised.value.reason == "too_large"


def test_open_exchange_counts_what_is_packed_in_several_members(receiver: Receiver):
    packed = gzip.compress(b"x" * 60_000)
    receiver.answers["/"] = [
        status(200, packed * 2, Content_Encoding="gzip"),
        status(200, packed * 1, Content_Encoding="gzip"),
    ]

    with pytest.raises(CallFailed) as raised:
        read(receiver.url())

    assert raised.value.reason == "too_large"
    assert read(receiver.url()) == (200, b"x" * 60_000)


def test_open_exchange_takes_a_bomb_that_fits(receiver: Receiver):
    receiver.answers["/"] = [status(200, BOMB, Content_Encoding="gzip")]

    assert len(read(receiver.url(), most_bytes=60_000_000)[1]) == 50_000_000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reset, "reset"),
        (half, "reset"),
        (garbage, "garbage"),
        (status(302, b"", Location="http://127.0.0.1:1/"), "redirect"),
        (status(307, b"", Location="/other"), "redirect"),
        (status(200, b"abc", Content_Encoding="br"), "garbage"),
        (status(200, b"no gzip", Content_Encoding="gzip"), "garbage"),
        (status(200, gzip.compress(b"x" * 1000)[:-9], Content_Encoding="gzip"), "reset"),
    ],
)
def test_open_exchange_names_what_failed(receiver: Receiver, answer: Any, reason: str):
    receiver.answers["/"] = [answer]

    with pytest.raises(CallFailed) as raised:
        read(receiver.url())

    assert raised.value.reason == reason


def test_open_exchange_sends_nothing_where_a_redirect_leads(receiver: Receiver):
    receiver.answers["/"] = [status(302, b"", Location="/other")]

    with pytest.raises(CallFailed):
        read(receiver.url())

    assert [one.path for one in receiver.received] == ["/"]


def test_open_exchange_gives_up_on_a_server_that_hangs(receiver: Receiver):
    receiver.answers["/"] = [hang]
    started = time.monotonic()

    with pytest.raises(CallTimedOut):
        read(receiver.url())

    assert 0.3 < time.monotonic() - started < 1.5


def head_alone(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.flush()
    handler.server.owner.ended.wait(10)


def first_then_nothing(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"first")
    handler.wfile.flush()
    handler.server.owner.ended.wait(10)


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        (head_alone, {"idle_seconds": 9.0}),
        (first_then_nothing, {"first_byte_seconds": 9.0}),
        (drip, {"total_seconds": 0.4}),
    ],
)
def test_pieces_end_when_the_server_falls_silent(
    receiver: Receiver, answer: Any, changes: dict[str, float]
):
    receiver.answers["/"] = [answer]
    started = time.monotonic()

    with pytest.raises(CallTimedOut):
        read(receiver.url(), **changes)

    assert 0.3 < time.monotonic() - started < 1.5


def test_close_ends_the_connection_at_once(receiver: Receiver):
    noticed: list[float] = []

    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not handler.server.owner.ended.wait(0.01):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            noticed.append(time.monotonic())

    receiver.answers["/"] = [endless]

    async def run() -> float:
        exchange = await open_exchange("POST", receiver.url(), headers={}, **TIMES)
        async for _ in exchange.pieces():
            break
        await exchange.close()
        await exchange.close()
        closed = time.monotonic()
        await asyncio.sleep(0.3)
        await client.close_session()
        return closed

    closed = asyncio.run(run())

    assert len(noticed) == 1
    assert noticed[0] - closed < 0.25


def test_a_whole_answer_leaves_its_connection_for_the_next(receiver: Receiver):
    async def run() -> None:
        for _ in range(3):
            exchange = await open_exchange("POST", receiver.url(), headers={}, **TIMES)
            async for _piece in exchange.pieces():
                pass
            await exchange.close()
        await client.close_session()

    asyncio.run(run())

    assert len({one.client for one in receiver.received}) == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://169.254.169.254/", "ftp://example.com/"]
)
def test_open_exchange_goes_nowhere_forbidden(receiver: Receiver, url: str):
    with pytest.raises(Forbidden):
        read(url)


def test_open_exchange_says_when_nobody_listens(settings: Any):
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({"127.0.0.1:9"})

    with pytest.raises(CallFailed) as raised:
        read("http://127.0.0.1:9/")

    assert raised.value.reason == "refused"
