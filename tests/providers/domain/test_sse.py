"""Server-sent events and lines of JSON, by the letter of the standard, in any pieces, within bounds."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.domain.sse import NdjsonParser, SseParser
from apps.providers.errors import UpstreamInvalid

pytestmark = pytest.mark.unit
Events = list[tuple[bytes, bytes]]

STREAMS: dict[str, tuple[bytes, Events]] = {
    "one": (b"data: a\n\n", [(b"", b"a")]),
    "no space": (b"data:a\n\n", [(b"", b"a")]),
    "two spaces": (b"data:  a\n\n", [(b"", b" a")]),
    "named": (b"event: x\ndata: a\n\ndata: b\n\n", [(b"x", b"a"), (b"", b"b")]),
    "name after": (b"data: a\nevent: x\n\n", [(b"x", b"a")]),
    "name alone": (b"event: x\n\ndata: a\n\n", [(b"", b"a")]),
    "several lines": (b"data: a\ndata: b\n\n", [(b"", b"a\nb")]),
    "empty data": (b"data\n\n", [(b"", b"")]),
    "comments": (b": hello\n\ndata: a\n: more\n\n", [(b"", b"a")]),
    "other fields": (b"id: 1\nretry: 5\nx-thing: 9\ndata: a\n\n", [(b"", b"a")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
    "unfinished": (b"data: a\n\ndata: b", [(b"", b"a"), (b"", b"b")]),
    "llama.cpp's error": (b"error: {}\n\n", [(b"error", b"{}")]),
    "nothing": (b"\n\n\n", []),
    "characters of many bytes": ("data: 東京🚂\n\n".encode(), [(b"", "東京🚂".encode())]),
}


def parse(pieces: Iterable[bytes]) -> Events:
    parser = SseParser()
    return [*(event for piece in pieces for event in parser.feed(piece)), *parser.close()]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize(("stream", "events"), STREAMS.values(), ids=STREAMS)
def test_events(stream: bytes, events: Events, end: bytes) -> None:
    data = stream.replace(b"\n", end)

    assert parse([data]) == events
    for at in range(len(data) + 1):
        assert parse([data[:at], b"", data[at:]]) == events


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b":", b" ", b"data: x", b"\n\n"])))
def test_events_are_the_same_in_any_pieces(parts: list[bytes]) -> None:
    def outcome(pieces: Iterable[bytes]) -> object:
        try:
            return parse(pieces)
        except UpstreamInvalid as error:
            return error.message

    whole = b"".join(parts)
    assert outcome(parts) == outcome([whole]) == outcome(bytes([byte]) for byte in whole)


@pytest.mark.parametrize("line", [b"<html>", b'{"a": 1}', b"hello", b"da ta: 1", b"\xff: 1"])
def test_line_that_is_no_field_is_invalid(line: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        parse([b"data: a\n\n" + line + b"\n"])


def test_whole_events_before_a_wrong_line_are_given_first() -> None:
    events = SseParser().feed(b"data: a\n\n<html>\n")

    assert next(events) == (b"", b"a")
    with pytest.raises(UpstreamInvalid):
        next(events)


def test_line_that_never_ends_is_invalid() -> None:
    parser = SseParser(most=1000)

    with pytest.raises(UpstreamInvalid):
        feed_often(parser, b"data: " + b"a" * 100)


def test_event_that_never_ends_is_invalid() -> None:
    parser = SseParser(most=1000)

    with pytest.raises(UpstreamInvalid):
        feed_often(parser, b"data: " + b"a" * 100 + b"\n")


def test_bound_is_for_one_event_not_for_the_stream() -> None:
    parser = SseParser(most=1000)

    assert feed_often(parser, b"data: " + b"a" * 100 + b"\n\n") == 100


def feed_often(parser: SseParser, piece: bytes) -> int:
    return sum(len(list(parser.feed(piece))) for _ in range(100))


def test_ndjson_is_lines_and_the_rest() -> None:
    parser = NdjsonParser()

    assert parser.feed(b'{"a": 1}\r\n\n  \n{"b"') == [b'{"a": 1}']
    assert parser.feed(b": 2}\n") == [b'{"b": 2}']
    assert parser.feed(b'{"c": 3}') == []
    assert parser.close() == [b'{"c": 3}']
    assert parser.close() == []
