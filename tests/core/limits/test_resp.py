"""The Redis protocol: what is written, what is read, and what is only half there."""

from __future__ import annotations

import pytest
from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from apps.core.limits.resp import Incomplete, pack, unpack

pytestmark = pytest.mark.unit

ANSWERS = {
    b":-42\r\n": -42,
    b"+OK\r\n": b"OK",
    b"$5\r\na\r\nbc\r\n": b"a\r\nbc",
    b"$0\r\n\r\n": b"",
    b"$-1\r\n": None,
    b"*0\r\n": [],
    b"*-1\r\n": None,
    b"*3\r\n:1\r\n*1\r\n:2\r\n$1\r\nx\r\n": [1, [2], b"x"],
}


def test_pack_counts_bytes_and_not_letters() -> None:
    assert pack(("GET", "é", 10)) == b"*3\r\n$3\r\nGET\r\n$2\r\n\xc3\xa9\r\n$2\r\n10\r\n"


@pytest.mark.parametrize(("data", "value"), ANSWERS.items())
def test_unpack_reads_an_answer_and_where_the_next_begins(data: bytes, value: object) -> None:
    assert unpack(b":7\r\n" + data + b":8\r\n", 4) == (value, 4 + len(data))


@pytest.mark.parametrize("data", ANSWERS)
def test_unpack_cut_anywhere_is_incomplete(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(Incomplete):
            unpack(data[:length], 0)


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("NOSCRIPT No matching script.", NoScriptError),
        ("OOM command not allowed", OutOfMemoryError),
        ("WRONGTYPE Operation against a key", ResponseError),
    ],
)
def test_unpack_returns_a_refusal_as_an_exception(sentence: str, kind: type[ResponseError]) -> None:
    error, end = unpack(f"-{sentence}\r\n".encode(), 0)

    assert (type(error), str(error), end) == (kind, sentence, len(sentence) + 3)


def test_unpack_of_something_else_is_an_error() -> None:
    with pytest.raises(ValueError, match="HTTP"):
        unpack(b"HTTP/1.1 400 Bad Request\r\n", 0)
