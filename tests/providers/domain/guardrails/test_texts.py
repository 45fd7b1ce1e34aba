"""Every place where a body says something."""

from __future__ import annotations

from apps.providers.domain.guardrails.texts import change_answer, change_request


def shout(text: str) -> str:
    return text.upper()


def test_change_request_reaches_every_text_of_openai() -> None:
    body = {
        "model": "m",
        "user": "jo",
        "messages": [
            {"role": "system", "content": "be"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": "data:x"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a": "b"}'}}],
            },
        ],
    }

    changed = change_request(body, shout)

    assert changed["messages"] == [
        {"role": "system", "content": "BE"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "HI"},
                {"type": "image_url", "image_url": {"url": "data:x"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"A": "B"}'}}],
        },
    ]
    assert (changed["model"], changed["user"]) == ("m", "jo")
    assert body["messages"][0]["content"] == "be"


def test_change_request_reaches_anthropic_s_system_and_tool_results() -> None:
    body = {
        "system": [{"type": "text", "text": "be"}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "out"}],
            }
        ],
    }

    changed = change_request(body, shout)

    assert changed["system"] == [{"type": "text", "text": "BE"}]
    assert changed["messages"][0]["content"][0]["content"] == "OUT"


def test_change_request_reaches_prompts_and_inputs() -> None:
    assert change_request({"prompt": ["a", "b"]}, shout) == {"prompt": ["A", "B"]}
    assert change_request({"input": "a"}, shout) == {"input": "A"}
    assert change_request({"prompt": [1, 2]}, shout) == {"prompt": [1, 2]}


def test_change_request_when_nothing_changes_is_the_same_body() -> None:
    body = {"messages": [{"role": "user", "content": "HI"}]}

    assert change_request(body, shout) is body


def test_change_answer_reaches_choices_and_blocks() -> None:
    chat = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]}
    text = {"choices": [{"index": 0, "text": "hi"}]}
    blocks = {
        "content": [{"type": "text", "text": "hi"}, {"type": "tool_use", "input": {"a": "b"}}]
    }

    assert change_answer(chat, shout)["choices"][0]["message"]["content"] == "HI"
    assert change_answer(text, shout)["choices"][0]["text"] == "HI"
    assert change_answer(blocks, shout)["content"] == [
        {"type": "text", "text": "HI"},
        {"type": "tool_use", "input": {"a": "b"}},
    ]
