"""Ids of events as places in an answer."""

from __future__ import annotations

import pytest

from apps.conversations.domain.positions import Position, read_position
from apps.core.errors import Invalid

pytestmark = pytest.mark.unit
NAME = "msg_" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "position",
    [
        Position(NAME),
        Position(NAME, 12),
        Position(NAME, 12, 7),
        Position(NAME, 0, 7, "usage"),
        Position(NAME, 12, stage="done"),
    ],
)
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    assert read_position(str(position)) == position


@pytest.mark.parametrize(
    "text", ["7", NAME, f"{NAME}:", f"{NAME}:x", f"{NAME}:1.start", f"{NAME}:1+", "msg_1:1", f"{NAME}:1234567890"]
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_position(text)


def test_none_and_nothing_are_no_position() -> None:
    assert read_position(None) is read_position("") is None


def test_stages_follow_one_another() -> None:
    usage = Position(NAME, 1, stage="usage")

    assert [usage.has_passed(stage) for stage in ("tool_calls", "usage", "done", "error")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [usage.is_end, Position(NAME, 1, stage="error").is_end] == [False, True]
