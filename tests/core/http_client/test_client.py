"""Calling real servers that misbehave: every call ends in time, within its size, on the address that was judged."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import zlib
from time import monotonic
from typing import Any

import pytest

from apps.core.http_client import client
from apps.core.http_client.client import Limits
from apps.core.http_client.errors import CallFailed, CallTimedOut, Forbidden
from apps.core.http_client.loop import call_from_thread
from tests.core.http_client.conftest import SHORT, Call
from tests.factories.receiver import (
    Answer,
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
from tests.rig.network import ClosedNetwork


def answers(*addresses: str) -> Any:
    """A `getaddrinfo` that finds these, whatever it is asked."""

    async def find(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    return find


def test_call_posts_a_body_and_reads_the_answer(receiver: Receiver, call: Call) -> None:
    receiver.answers["/hook"] = [status(201, b"thank you", x_note="hi")]

    reply = call("POST", receiver.url("/hook?a=b%20c"), body=b"{}", headers={"X-One": "1"})

    (received,) = receiver.received
    assert (reply.status, reply.body, reply.headers["x-note"]) == (201, b"thank you", "hi")
    assert (received.method, received.path, received.body) == ("POST", "/hook?a=b%20c", b"{}")
    assert received.headers["x-one"] == "1"
    assert received.headers["user-agent"] == "Signalbox/0.1.0"


def test_connections_are_used_again(receiver: Receiver) -> None:
    async def call_twice() -> None:
        for _ in range(3):
            await client.call("POST", receiver.url())
        await client.close_session()

    asyncio.run(call_twice())

    assert len({received.client for received in receiver.received}) == 1


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, call: Call) -> None:
    receiver.answers["/"] = [status(302, Location=receiver.url("/secret"))]

    reply = call("POST", receiver.url(), headers={"Authorization": "Bearer x"})

    assert reply.status == 302
    assert [received.path for received in receiver.received] == ["/"]


@pytest.mark.parametrize("answer", [hang, drip])
def test_a_server_that_takes_for_ever_is_left_in_time(
    receiver: Receiver, call: Call, answer: Answer
) -> None:
    receiver.answers["/"] = [answer]
    started = monotonic()

    with pytest.raises(CallTimedOut) as caught:
        call("POST", receiver.url(), limits=SHORT)

    assert caught.value.code == "upstream_timeout"
    assert 0.4 < monotonic() - started < 1.5


@pytest.mark.parametrize(
    ("answer", "reason"), [(reset, "reset"), (half, "reset"), (garbage, "garbage")]
)
def test_a_server_that_breaks_off_is_a_failure(
    receiver: Receiver, call: Call, answer: Answer, reason: str
) -> None:
    receiver.answers["/"] = [answer]

    with pytest.raises(CallFailed) as caught:
        call("POST", receiver.url(), limits=SHORT)

    assert caught.value.reason == reason


def test_nobody_listening_is_a_failure(settings: Any, call: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{port}"})

    with pytest.raises(CallFailed) as caught:
        call("POST", f"http://127.0.0.1:{port}/")

    assert caught.value.reason == "refused"


def test_plain_http_behind_https_is_a_failure(receiver: Receiver, call: Call) -> None:
    with pytest.raises(CallFailed) as caught:
        call("POST", receiver.url().replace("http:", "https:"), limits=SHORT)

    assert caught.value.reason == "tls"


def test_a_huge_answer_is_read_up_to_the_limit(receiver: Receiver, call: Call) -> None:
    receiver.answers["/"] = [huge]

    reply = call("POST", receiver.url(), limits=Limits(seconds=5, body=1000))

    assert (reply.status, reply.body, reply.is_cut) == (200, bytes(1000), True)


def test_a_bomb_is_unpacked_up_to_the_limit(receiver: Receiver, call: Call) -> None:
    receiver.answers["/"] = [bomb]

    reply = call("POST", receiver.url(), limits=Limits(seconds=5, body=1000))

    assert (reply.status, reply.body, reply.is_cut) == (200, bytes(1000), True)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("br", bytes)],
)
def test_an_answer_is_unpacked(receiver: Receiver, call: Call, encoding: str, pack: Any) -> None:
    text = b"some answer" * 50
    receiver.answers["/"] = [status(200, pack(text), Content_Encoding=encoding)]

    reply = call("GET", receiver.url())

    assert (reply.body, reply.is_cut) == (text, False)


def test_an_answer_as_long_as_the_limit_is_whole(receiver: Receiver, call: Call) -> None:
    receiver.answers["/"] = [status(200, bytes(1000)), status(200, bytes(1001))]

    replies = [call("GET", receiver.url(), limits=SHORT) for _ in range(2)]

    assert [(len(reply.body), reply.is_cut) for reply in replies] == [(1000, False), (1000, True)]


def test_a_neighbouring_port_stays_closed(receiver: Receiver, call: Call) -> None:
    with Receiver() as neighbour, pytest.raises(Forbidden):
        call("POST", neighbour.url())

    assert neighbour.received == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1%2"]]
)
def test_a_name_that_leads_inside_is_refused_at_connect(
    receiver: Receiver, call: Call, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    """What a name means is decided when it is resolved, so a name that changes its mind gains nothing."""
    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", answers(*addresses))

    with pytest.raises(Forbidden):
        call("POST", f"http://rebinding.example.com:{receiver.port}/")

    assert receiver.received == []


def test_an_allowed_name_is_reached_where_it_leads(
    receiver: Receiver, call: Call, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({f"receiver.example.com:{receiver.port}"})
    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", answers("127.0.0.1"))

    reply = call("POST", f"http://receiver.example.com:{receiver.port}/")

    assert reply.status == 200
    assert receiver.received[0].headers["host"] == f"receiver.example.com:{receiver.port}"


def test_the_address_of_an_allowed_name_is_not_open_to_other_names(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({f"receiver.example.com:{receiver.port}"})
    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", answers("127.0.0.1"))

    async def call_both() -> None:
        try:
            await client.call("POST", f"http://receiver.example.com:{receiver.port}/")
            for host in ("other.example.com", "127.0.0.1"):
                with pytest.raises(Forbidden):
                    await client.call("POST", f"http://{host}:{receiver.port}/{host}")
        finally:
            await client.close_session()

    asyncio.run(call_both())

    assert [received.path for received in receiver.received] == ["/"]


def test_an_unknown_name_is_a_failure(
    call: Call, monkeypatch: pytest.MonkeyPatch, closed_network: ClosedNetwork
) -> None:
    async def find(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", find)

    with pytest.raises(CallFailed) as caught:
        call("POST", "http://nowhere.example.com/")

    assert caught.value.reason == "unknown_host"
    assert closed_network.attempts == []


def test_a_changed_list_closes_the_connections_it_had_opened(
    receiver: Receiver, settings: Any
) -> None:
    async def call_twice() -> None:
        try:
            await client.call("POST", receiver.url())
            settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset()
            with pytest.raises(Forbidden):
                await client.call("POST", receiver.url())
        finally:
            await client.close_session()

    asyncio.run(call_twice())

    assert len(receiver.received) == 1


def test_threads_share_one_loop_and_its_connections(receiver: Receiver) -> None:
    statuses: list[int] = []

    def work() -> None:
        statuses.append(call_from_thread(client.call("POST", receiver.url())).status)

    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    call_from_thread(client.close_session())

    assert statuses == [200, 200, 200]
    assert len({received.client for received in receiver.received}) == 1


def test_call_from_thread_gives_up_in_time(receiver: Receiver) -> None:
    receiver.answers["/"] = [hang]

    with pytest.raises(TimeoutError):
        call_from_thread(client.call("POST", receiver.url()), seconds=0.2)
    call_from_thread(client.close_session())
