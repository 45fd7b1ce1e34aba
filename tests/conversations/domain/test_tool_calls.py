"""Tools and thoughts out of a stream's pieces."""

from __future__ import annotations

from typing import Any

import pytest

from apps.conversations.domain.tool_calls import MOST, ToolCalls

pytestmark = pytest.mark.unit


def delta(**said: Any) -> dict[str, Any]:
    return {"choices": [{"delta": said}]}


def call(index: int, **said: Any) -> dict[str, Any]:
    return delta(tool_calls=[{"index": index, **said}])


def test_calls_are_put_together_by_their_index() -> None:
    calls = ToolCalls()
    calls.take(call(0, id="c0", function={"name": "look", "arguments": ""}))
    calls.take(call(1, id="c1", function={"name": "hear", "arguments": "{}"}))
    calls.take(call(0, function={"arguments": '{"at":'}))
    calls.take(call(0, function={"arguments": '"sea"}'}))

    assert calls.whole() == (
        {"id": "c0", "type": "function", "function": {"name": "look", "arguments": '{"at":"sea"}'}},
        {"id": "c1", "type": "function", "function": {"name": "hear", "arguments": "{}"}},
    )


def test_thoughts_are_answered_whatever_they_are_called() -> None:
    calls = ToolCalls()

    assert calls.take(delta(reasoning_content="Hm")) == "Hm"
    assert calls.take(delta(reasoning="so")) == "so"
    assert calls.take(delta(content="text")) == ""
    assert calls.whole() == ()


@pytest.mark.parametrize(
    "data",
    [{}, {"choices": 7}, {"choices": [7]}, delta(tool_calls=7), delta(tool_calls=[7]), call(0, function=7)],
)  # fmt: skip
def test_strange_pieces_are_no_error(data: dict[str, Any]) -> None:
    assert ToolCalls().take(data) == ""


def test_calls_are_bounded() -> None:
    calls = ToolCalls()
    for number in range(MOST + 5):
        calls.take(call(number, id=str(number)))

    assert len(calls.whole()) == MOST


def test_what_no_database_keeps_is_replaced() -> None:
    calls = ToolCalls()
    calls.take(call(0, id="c\x00", function={"name": "lo\x00ok", "arguments": "{\ud800}"}))

    assert calls.whole() == (
        {
            "id": "c\ufffd",
            "type": "function",
            "function": {"name": "lo\ufffdok", "arguments": "{\ufffd}"},
        },
    )
