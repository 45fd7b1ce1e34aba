"""Every provider's streams, cut at every byte, with every line end, cut short, and with bytes made wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.adapters.openai_wire import made
from apps.providers.adapters.protocol import EventReader, UpstreamFailed
from apps.providers.domain.calls import Call, Event
from apps.providers.domain.dialects.translation import Translation, translate
from apps.providers.enums import Dialect, Operation, ProviderKind
from apps.providers.errors import UpstreamInvalid
from tests.providers.adapters.samples import STREAMS, Sample

pytestmark = pytest.mark.unit
WRONG: list[Any] = [None, 0, -1, 1.5, True, "x", "", [], [1], [{}], {}, {"a": 1}, 10**30]


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "now", lambda: 1_760_000_000)


def read(sample: Sample, *pieces: bytes) -> list[Event]:
    reader = sample.adapter.events(sample.call)
    return [*(event for piece in pieces for event in reader.feed(piece)), *reader.close()]


@pytest.mark.parametrize("sample", STREAMS, ids=str)
def test_stream_says_what_the_provider_said(sample: Sample) -> None:
    events = read(sample, sample.data)

    told = [event.usage for event in events if event.usage is not None]
    finished = [event.finish_reason for event in events if event.finish_reason]
    assert "".join(event.text for event in events) == sample.text
    assert "".join(event.hidden for event in events) == sample.hidden
    assert told[-1] == sample.usage
    assert finished == [sample.finish]
    assert [event.is_last for event in events] == [False] * (len(events) - 1) + [True]


@pytest.mark.parametrize("sample", STREAMS, ids=str)
def test_stream_is_the_same_wherever_it_is_cut(sample: Sample) -> None:
    data = sample.data
    whole = read(sample, data)

    for at in range(len(data)):
        assert read(sample, data[:at], data[at:]) == whole
    assert read(sample, *(data[at : at + 1] for at in range(len(data)))) == whole


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("sample", STREAMS, ids=str)
def test_stream_is_the_same_with_every_line_end(sample: Sample, end: bytes) -> None:
    data = sample.data.replace(b"\r\n", b"\n").replace(b"\n", end)

    assert read(sample, *(data[at : at + 1] for at in range(len(data)))) == read(
        sample, sample.data
    )


@pytest.mark.parametrize("sample", STREAMS, ids=str)
def test_stream_that_stops_early_never_says_it_is_whole(sample: Sample) -> None:
    data = sample.data.rstrip()
    last = max(data.rfind(b"data:"), data.rfind(b"event:"), data.rfind(b"\n") + 1)
    if sample.kind is ProviderKind.OPENAI_COMPATIBLE:
        last = data.find(b'"stop"')  # there, the finish reason is end enough

    for at in range(last):
        assert not any(event.is_last for event in read(sample, data[:at]))


@pytest.mark.parametrize("sample", STREAMS, ids=str)
def test_stream_gives_the_bytes_it_came_as_or_none(sample: Sample) -> None:
    for event in read(sample, sample.data):
        assert event.raw == b"" or json.loads(event.raw) == event.data
        assert b"\n" not in event.raw


@pytest.mark.parametrize("sample", STREAMS, ids=str)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_stream_of_wrong_bytes_raises_nothing_else(sample: Sample, seed: int) -> None:
    lot = random.Random(seed)
    data = bytearray(sample.data)
    for _ in range(lot.randint(1, 8)):
        at = lot.randrange(len(data))
        data[at : at + lot.randint(0, 3)] = lot.randbytes(lot.randint(0, 3))

    with suppress(UpstreamInvalid, UpstreamFailed):
        feed_all(sample, bytes(data), lot.randint(1, 200))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), size=st.integers(1, 40))
def test_any_bytes_at_all_raise_nothing_else(data: bytes, size: int) -> None:
    for sample in STREAMS:
        with suppress(UpstreamInvalid, UpstreamFailed):
            feed_all(sample, data, size)


@pytest.mark.parametrize("sample", STREAMS, ids=str)
def test_stream_with_any_value_of_a_wrong_type_raises_nothing_else(sample: Sample) -> None:
    tried = 0
    for data in with_wrong_values(sample.data):
        tried += 1
        with suppress(UpstreamInvalid, UpstreamFailed):
            feed_all(sample, data, len(data))
    assert tried > 50


def feed_all(sample: Sample, data: bytes, size: int) -> None:
    reader = sample.adapter.events(sample.call)
    translation = translation_of(sample)
    for at in range(0, len(data), size):
        events = reader.feed(data[at : at + size])
        if translation is not None:
            translation.events(events)
    reader.close()


def translation_of(sample: Sample) -> Translation | None:
    """To the other dialect, so that what went through wrong on the way in does not break the way out."""
    if sample.operation is not Operation.CHAT:
        return None
    adapter = sample.adapter
    other = Dialect.OPENAI if adapter.dialect is Dialect.ANTHROPIC else Dialect.ANTHROPIC
    call = Call(Operation.CHAT, other, "m", {"messages": [{"role": "user", "content": "Hi"}]})
    return translate(call, adapter.dialect, created=0)


def with_wrong_values(data: bytes) -> Iterator[bytes]:
    """The stream with one value of one event made wrong, for every value and every wrong one."""
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines):
        head, brace, rest = line.partition(b"{")
        if not brace:
            continue
        event = json.loads(brace + rest)
        for path in paths(event):
            for wrong in WRONG:
                made_wrong = json.dumps(replaced(event, path, wrong)).encode()
                changed = [*lines]
                changed[number] = head + made_wrong + b"\n"
                yield b"".join(changed)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from paths(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


ERRORS = {
    ProviderKind.OPENAI: (
        b'data: {"error":{"message":"The server had an error","type":"server_error","code":null}}\n\n',
        502,
    ),
    ProviderKind.VLLM: (
        b'data: {"object":"error","message":"The server had an error","type":"BadRequestError","code":400}\n\n',
        400,
    ),
    ProviderKind.LLAMA_CPP: (
        b'error: {"code":500,"message":"The server had an error","type":"server_error"}\n\n',
        500,
    ),
    ProviderKind.ANTHROPIC: (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"The server had an error"}}\n\n',
        529,
    ),
    ProviderKind.GEMINI: (
        b'data: {"error":{"code":503,"message":"The server had an error","status":"UNAVAILABLE"}}\n\n',
        503,
    ),
    ProviderKind.OLLAMA: (b'{"error":"The server had an error"}\n', 500),
    ProviderKind.TGI: (
        b'data:{"error":"The server had an error","error_type":"overloaded"}\n\n',
        503,
    ),
}
GOOD = {
    ProviderKind.OPENAI: b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
    ProviderKind.ANTHROPIC: b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}\n\n',
    ProviderKind.GEMINI: b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n\n',
    ProviderKind.OLLAMA: b'{"message":{"content":"a"},"done":false}\n',
}


@pytest.mark.parametrize("kind", ERRORS)
def test_error_within_a_stream_is_told_after_what_came_before_it(kind: ProviderKind) -> None:
    error, status = ERRORS[kind]
    sample = Sample("none", kind)
    good = GOOD.get(kind, GOOD[ProviderKind.OPENAI])

    for pieces in ([good + error], [good, error], [bytes([byte]) for byte in good + error]):
        reader = sample.adapter.events(sample.call)
        texts: list[str] = []
        with pytest.raises(UpstreamFailed) as raised:
            hear(reader, pieces, texts)
        assert texts == ["a"]
        assert raised.value.refusal.status == status
        assert raised.value.refusal.message == "The server had an error"
        with pytest.raises(UpstreamFailed):
            reader.close()


def hear(reader: EventReader, pieces: list[bytes], texts: list[str]) -> None:
    for piece in [*pieces, b""]:
        texts += [event.text for event in reader.feed(piece)]


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html>\n<html>\n",
        b'{"error": {"message": "no stream"}}\n',
        b"data: {broken\n\n",
        b"data: [1]\n\n",
        b"data: \xff\xfe\n\n",
        b'data: {"choices": {}}\n\n',
        b'data: {"choices": [{"delta": 5}]}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b'data: {"choices": [{"finish_reason": 5}]}\n\n',
        b'data: {"a": ' + b"[" * 150 + b"]" * 150 + b"}\n\n",
    ],
)
def test_openai_stream_that_is_none_is_invalid(data: bytes) -> None:
    reader = Sample("none", ProviderKind.OPENAI).adapter.events(
        Sample("none", ProviderKind.OPENAI).call
    )

    with pytest.raises(UpstreamInvalid):
        reader.feed(data)


def test_compatible_stream_without_done_is_whole_when_every_choice_has_finished() -> None:
    sample = Sample("none", ProviderKind.OPENAI_COMPATIBLE)
    begun = b'data: {"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{}}]}\n\n'
    one = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    other = b'data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}\n\n'

    assert read(sample, begun, one)[-1].is_last is False
    assert read(sample, begun, one, other)[-1].is_last is True
    assert read(Sample("none", ProviderKind.OPENAI), begun, one, other)[-1].is_last is False


def test_gemini_waits_for_each_candidate_that_was_asked_for() -> None:
    sample = Sample("none", ProviderKind.GEMINI, body={"n": 2})
    one, other = (
        b'data: {"candidates":[{"index":%d,"finishReason":"STOP"}]}\n\n' % index for index in (0, 1)
    )

    assert not any(event.is_last for event in read(sample, one))
    assert read(sample, one, other)[-1].is_last
