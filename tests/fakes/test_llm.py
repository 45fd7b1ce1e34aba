"""The fake keeps its word: what a test of the gateway relies on."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.llm.running import FakeLLM, fake_llm

PATHS = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi there"}]}),
    "messages": ("/v1/messages", {"messages": [{"role": "user", "content": "hi there"}]}),
    "ollama": ("/api/chat", {"messages": [{"role": "user", "content": "hi there"}]}),
    "gemini": ("/v1beta/models/{model}:generateContent", {"contents": []}),
    "tgi": ("/generate", {"inputs": "hi"}),
}


@pytest.fixture(scope="module")
def llm() -> Iterator[FakeLLM]:
    with fake_llm() as fake:
        yield fake


def ask(llm: FakeLLM, path: str, body: dict[str, Any], *, most: int = 1 << 20) -> bytes:
    """One raw exchange: status line, headers and body as they came, until the end or `most` bytes."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-canary\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    got = b""
    with socket.create_connection(("127.0.0.1", llm.port), timeout=2) as sock:
        sock.sendall(head.encode() + data)
        sock.settimeout(1.0)
        try:
            while len(got) < most and (part := sock.recv(65536)):
                got += part
                if got.endswith(b"0\r\n\r\n") or _is_whole(got):
                    break
        except TimeoutError:
            pass
    return got


def _is_whole(got: bytes) -> bool:
    head, found, body = got.partition(b"\r\n\r\n")
    if not found or b"content-length: " not in head:
        return False
    return len(body) >= int(head.split(b"content-length: ")[1].split(b"\r\n")[0])


@pytest.mark.parametrize("dialect", PATHS)
def test_ok_answers_in_each_dialect(llm: FakeLLM, dialect: str) -> None:
    path, body = PATHS[dialect]

    got = ask(llm, path.format(model="ok"), {"model": "ok", "stream": False, **body})

    assert got.startswith(b"HTTP/1.1 200 OK")
    assert b"word0 word1 word2 word3 word4" in got


def test_stream_ends_with_its_word_and_tells_usage(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]
    more = {"model": "ok?tokens=2&prompt_tokens=7", "stream": True}

    got = ask(llm, path, {**body, **more, "stream_options": {"include_usage": True}})

    assert got.count(b"data: ") == 6
    assert b'"prompt_tokens": 7, "completion_tokens": 2' in got
    assert b"data: [DONE]" in got


def test_half_stream_ends_without_its_word(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]

    got = ask(llm, path, {**body, "model": "half?after=3", "stream": True})

    assert got.count(b"data: ") == 3
    assert b"[DONE]" not in got


def test_status_says_the_credential_back_when_told_to(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]

    got = ask(llm, path, {**body, "model": "status?code=429&retry_after=2&echo=1"})

    assert got.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 2\r\n" in got
    assert b"Bearer sk-canary" in got


def test_reset_breaks_the_connection(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]

    with pytest.raises(ConnectionResetError):
        ask(llm, path, {**body, "model": "reset"})


def test_hang_says_nothing(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]

    assert ask(llm, path, {**body, "model": "hang"}) == b""


def test_huge_does_not_end_and_the_bomb_unpacks_to_much(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]

    plain = ask(llm, path, {**body, "model": "huge"}, most=1 << 20)
    bomb = ask(llm, path, {**body, "model": "huge?bomb=1"}, most=150_000)

    assert len(plain) >= 1 << 20
    head, _, rest = bomb.partition(b"\r\n\r\n")
    size, _, packed = rest.partition(b"\r\n")
    assert b"content-encoding: gzip" in head
    assert len(gzip.decompress(packed[: int(size, 16)])) == 64 << 20


def test_script_behaves_differently_at_each_call(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]
    llm.script("flaky", "status?code=500", "ok")

    statuses = [ask(llm, path, {**body, "model": "flaky"})[9:12] for _ in range(3)]

    assert statuses == [b"500", b"200", b"200"]


def test_calls_tell_when_the_other_side_left(llm: FakeLLM) -> None:
    path, body = PATHS["chat"]
    llm.forget()

    ask(llm, path, {**body, "model": "stall?after=2", "stream": True})

    (seen,) = llm.wait_for(lambda calls: bool(calls) and calls[0].left_after is not None)
    assert (seen.pieces, seen.is_answered) == (2, False)
    assert seen.headers["authorization"] == "Bearer sk-canary"
