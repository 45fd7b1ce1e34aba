"""Guarding a stream comes to the same as guarding the whole text, however it was cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.domain.calls import Event
from apps.providers.domain.guardrails.registry import make
from apps.providers.domain.guardrails.streams import GuardedText, StreamGuard, said_in
from apps.providers.errors import GuardrailRefused

REDACT = make({"name": "redact"})
DENY = make({"name": "deny_list", "options": {"words": ["night jar"], "action": "mask"}})
PARTS = st.lists(
    st.sampled_from(
        ["jo@example.com", " ", "plain words ", "4111 1111 1111 1111", "night", " jar", "x" * 90]
    ),
    max_size=60,
)


@given(PARTS, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_guarded_text_comes_to_the_same_however_it_is_cut(parts: list[str], sizes: list[int]):
    text = "".join(parts)
    guarded = GuardedText([REDACT, DENY])

    place, passed = 0, ""
    while place < len(text):
        size = sizes[place % len(sizes)]
        passed += guarded.take(text[place : place + size])
        place += size
    passed += guarded.rest()

    assert passed == DENY.guardrail.check(REDACT.guardrail.check(text))


def test_guarded_text_lets_go_of_what_can_no_longer_change() -> None:
    guarded = GuardedText([REDACT])

    passed = [guarded.take("word ") for _ in range(200)]

    assert any(passed)
    assert len("".join(passed)) >= 1000 - 2 * REDACT.guardrail.reach - 5


def test_guarded_text_holds_a_secret_longer_than_its_reach() -> None:
    guarded = GuardedText([REDACT])
    block = "\n".join("QUJD" * 16 for _ in range(40))
    text = f"here: -----BEGIN RSA PRIVATE KEY-----\n{block}\n-----END RSA PRIVATE KEY----- done"

    passed = "".join(guarded.take(text[i : i + 50]) for i in range(0, len(text), 50))

    assert "QUJD" not in passed
    assert passed + guarded.rest() == "here: [secret] done"


def chunk(text: str | None = None, finish: str | None = None, index: int = 0) -> Event:
    delta = {} if text is None else {"content": text}
    data = {"id": "c", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
    return Event(data, text=text or "", finish_reason=finish, raw=b"{}")


def text_of(events: list[Event]) -> str:
    return "".join(text for event in events for text in said_in(event.data).values())


def test_events_of_openai_keep_their_order_and_say_the_masked_text() -> None:
    guard = StreamGuard([REDACT])
    role = Event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}, raw=b"x")
    asked = [role, chunk("write jo@exam"), chunk("ple.com"), chunk(finish="stop"), _done()]

    passed = [event for one in asked for event in guard.events([one])]

    assert text_of(passed) == "write [email]"
    assert [bool(e.finish_reason) for e in passed] == [False, False, True, False]
    assert passed[0] is role
    assert passed[1].raw == b""
    assert passed[-1].is_last


def test_events_when_the_last_text_brings_the_end_say_it_before() -> None:
    guard = StreamGuard([REDACT])

    passed = guard.events([chunk("to jo@example.com", finish="stop")])

    assert [(event.text, event.finish_reason) for event in passed] == [("to [email]", "stop")]


def test_events_of_anthropic_flush_before_the_block_stops() -> None:
    guard = StreamGuard([REDACT])
    asked = [_block("call +49 170 "), _block("123 4567"), Event({"type": "content_block_stop"})]

    passed = guard.events(asked)

    assert [event.data["type"] for event in passed] == ["content_block_delta", "content_block_stop"]
    assert passed[0].data["delta"]["text"] == "call [phone]"


def test_events_of_two_choices_are_guarded_apart() -> None:
    guard = StreamGuard([REDACT])

    passed = guard.events([chunk("jo@", index=0), chunk("me@", index=1), chunk("x.org", index=0)])
    passed += guard.events([chunk(finish="stop")])

    assert [event.data["choices"][0]["index"] for event in passed[:2]] == [0, 1]
    assert [event.text for event in passed[:2]] == ["[email]", "me@"]


def reasoning(text: str) -> Event:
    data = {"choices": [{"index": 0, "delta": {"reasoning_content": text}}]}
    return Event(data, hidden=text)


def tool(arguments: str, index: int = 0, **named: Any) -> Event:
    call = {"index": index, "function": {"arguments": arguments}, **named}
    return Event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}, hidden=arguments)


def test_events_are_guarded_where_a_model_thinks_and_calls_tools() -> None:
    guard = StreamGuard([REDACT])
    asked = [
        reasoning("it is jo@"), reasoning("me.org"), chunk("write "), tool("", id="a", type="function"),
        tool('{"to": "jo@'), tool('me.org"}'), tool('{"n": 1}', index=1, id="b"), chunk(finish="tool_calls"),
    ]  # fmt: skip

    passed = guard.events(asked)

    said: dict[tuple[Any, str], str] = {}
    for event in passed:
        for place, text in said_in(event.data).items():
            said[place.index, place.name] = said.get((place.index, place.name), "") + text
    assert said == {
        (0, "reasoning_content"): "it is [email]",
        (0, "content"): "write ",
        ((0, 0), "arguments"): '{"to": "[email]"}',
        ((0, 1), "arguments"): '{"n": 1}',
    }
    calls = [c for e in passed for c in e.data["choices"][0]["delta"].get("tool_calls", ())]
    assert [call["id"] for call in calls if "id" in call] == ["a", "b"]
    assert passed[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize("make_event", [reasoning, tool])
def test_events_when_refused_where_nobody_looks_raise(make_event: Any) -> None:
    guard = StreamGuard([make({"name": "deny_list", "options": {"words": ["nightjar"]}})])

    with pytest.raises(GuardrailRefused):
        guard.events([make_event("the night"), make_event("jar "), chunk(finish="stop")])


def test_events_of_anthropic_s_tools_and_thoughts_are_guarded() -> None:
    guard = StreamGuard([REDACT])
    asked = [
        Event(
            {"type": "content_block_delta", "index": 1, "delta": {"type": kind, name: "jo@me.org"}}
        )
        for kind, name in (("thinking_delta", "thinking"), ("input_json_delta", "partial_json"))
    ]

    passed = guard.events([*asked, Event({"type": "content_block_stop", "index": 1})])

    assert [text for event in passed for text in said_in(event.data).values()] == [
        "[email]",
        "[email]",
    ]


def test_events_when_refused_raise() -> None:
    guard = StreamGuard([make({"name": "deny_list", "options": {"words": ["nightjar"]}})])

    with pytest.raises(GuardrailRefused):
        guard.events([chunk("the night"), chunk("jar "), chunk("x" * 200), chunk(finish="stop")])


def _block(text: str) -> Event:
    data: dict[str, Any] = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    }
    return Event(data, text=text)


def _done() -> Event:
    return Event({}, is_last=True)
