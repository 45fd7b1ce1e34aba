"""A text that grows, read from anywhere."""

from __future__ import annotations

import pytest

from apps.conversations.domain.texts import FEW, Text, storable

pytestmark = pytest.mark.unit


def test_since_answers_what_lies_behind_each_offset() -> None:
    text = Text("ab")
    for piece in ("c", "", "dé", "😀", "f"):
        text.add(piece)

    whole = "abcdé😀f"
    assert (str(text), len(text)) == (whole, 7)
    assert [text.since(offset) for offset in range(9)] == [whole[offset:] for offset in range(9)]


def test_many_pieces_are_put_together_and_read_the_same() -> None:
    text = Text()
    for number in range(FEW + 5):
        text.add(f"{number},")
    before = [text.since(offset) for offset in range(len(text))]

    text.tidy()

    assert len(text._parts) == 1
    assert [text.since(offset) for offset in range(len(text))] == before


def test_a_piece_is_added_from_its_offset_on_once() -> None:
    text = Text("abc")

    assert text.add_from(1, "bcde") is True
    assert text.add_from(0, "ab") is True
    assert text.add_from(6, "g") is False
    assert str(text) == "abcde"


def test_what_no_database_keeps_is_marked() -> None:
    assert storable("a\x00b") == "a\ufffdb"
    assert storable("é\ud83d") == "é\ufffd"
    assert storable("😀") == "😀"
