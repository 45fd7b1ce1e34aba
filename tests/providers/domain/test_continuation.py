"""Who can go on with an answer, how each is asked, and what of the rest was said already."""

from __future__ import annotations

from typing import Any

import pytest

from apps.providers.domain.calls import Call
from apps.providers.domain.continuation import (
    Overlap,
    Way,
    go_on,
    is_plain,
    may_continue,
    way_of,
    with_less,
)
from apps.providers.domain.tables import RouteView
from apps.providers.enums import Dialect, Operation, ProviderKind
from apps.providers.errors import NotOffered

ASKED = {"role": "user", "content": "Count."}
LONG = "One, two, three, four, "


def chat(**body: Any) -> Call:
    body = {"model": "m", "messages": [ASKED], **body}
    return Call(Operation.CHAT, Dialect.OPENAI, "m", body, is_stream=True)


def completion(prompt: Any) -> Call:
    body = {"model": "m", "prompt": prompt}
    return Call(Operation.COMPLETION, Dialect.OPENAI, "m", body, is_stream=True)


# ------------------------------------------------------------------ who can


def test_every_kind_is_asked_in_its_way() -> None:
    assert {kind.value: way_of(kind, Operation.CHAT) for kind in ProviderKind} == {
        "openai": None,
        "anthropic": "prefill",
        "azure_openai": None,
        "gemini": None,
        "vllm": "flagged",
        "tgi": "trailing",
        "sglang": "flagged",
        "ollama": "trailing",
        "llama_cpp": "trailing",
        "openai_compatible": "trailing",
        "local": "trailing",
        "simulated": "trailing",
    }


def test_a_prompt_is_lengthened_where_it_is_taken_as_it_stands() -> None:
    cannot = {kind.value for kind in ProviderKind if way_of(kind, Operation.COMPLETION) is None}

    assert cannot == {"anthropic", "gemini", "ollama", "simulated"}
    assert way_of(ProviderKind.VLLM, Operation.COMPLETION) is Way.PROMPT
    assert way_of(ProviderKind.VLLM, Operation.EMBEDDINGS) is None


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (chat(), True),
        (chat(n=1, logprobs=False, response_format={"type": "text"}, tools=[{}]), True),
        (chat(n=2), False),
        (chat(best_of=2), False),
        (chat(logprobs=True), False),
        (chat(top_logprobs=3), False),
        (chat(response_format={"type": "json_object"}), False),
        (chat(response_format={"type": "json_schema", "json_schema": {}}), False),
        (chat(guided_json={"type": "object"}), False),
        (chat(output_config={"format": {"type": "json_schema"}}), False),
        (completion("Count: "), True),
        (completion(["Count: "]), True),
        (completion(["Count: ", "Say: "]), False),
        (completion([1, 2, 3]), False),
        (Call(Operation.EMBEDDINGS, Dialect.OPENAI, "m", {"input": "x"}), False),
    ],
)
def test_only_plain_texts_are_gone_on_with(call: Call, answer: bool) -> None:
    assert is_plain(call) is answer


def test_a_stream_is_gone_on_with_where_its_route_says_so() -> None:
    yes, no = (RouteView("r", "m", (), continues=continues) for continues in (True, False))
    whole = chat()
    whole.is_stream = False

    found = [may_continue(chat(), yes), may_continue(chat(), no), may_continue(chat(), None)]

    assert [*found, may_continue(whole, yes)] == [True, False, False, False]


# ------------------------------------------------------------------ how


def test_the_text_stands_last_as_the_assistant_s() -> None:
    body = {"messages": [ASKED], "temperature": 0}

    assert go_on(body, "One, ", Way.TRAILING) == {
        "messages": [ASKED, {"role": "assistant", "content": "One, "}],
        "temperature": 0,
    }
    assert body == {"messages": [ASKED], "temperature": 0}


def test_some_are_told_so_by_flags() -> None:
    assert go_on({"messages": [ASKED]}, "One, ", Way.FLAGGED) == {
        "messages": [ASKED, {"role": "assistant", "content": "One, "}],
        "continue_final_message": True,
        "add_generation_prompt": False,
    }


def test_anthropic_gets_no_white_space_at_the_end() -> None:
    made = go_on({"messages": [ASKED]}, "One,\n\n", Way.PREFILL)

    assert made["messages"] == [ASKED, {"role": "assistant", "content": "One,"}]
    assert go_on({"messages": [ASKED]}, " \n", Way.PREFILL)["messages"] == [ASKED]


def test_anthropic_does_not_go_on_where_it_is_to_think() -> None:
    with pytest.raises(NotOffered):
        go_on({"messages": [ASKED], "thinking": {"type": "enabled"}}, "One", Way.PREFILL)


def test_a_message_that_the_caller_began_is_lengthened() -> None:
    begun = [ASKED, {"role": "assistant", "content": "Zero, "}]
    parts = [ASKED, {"role": "assistant", "content": [{"type": "text", "text": "Zero, "}]}]
    picture = [ASKED, {"role": "assistant", "content": [{"type": "image"}]}]

    said = [go_on({"messages": one}, "one", Way.TRAILING)["messages"] for one in (begun, parts, picture)]  # fmt: skip

    assert [messages[-1]["content"] for messages in said] == [
        "Zero, one",
        [{"type": "text", "text": "Zero, one"}],
        [{"type": "image"}, {"type": "text", "text": "one"}],
    ]
    assert begun[-1]["content"] == "Zero, "


def test_a_message_that_was_not_gone_on_with_at_first_is_not_lengthened() -> None:
    """vLLM begins a new message behind the caller's unless it is told otherwise."""
    begun = [ASKED, {"role": "assistant", "content": "Zero, "}]

    apart = go_on({"messages": begun}, "One", Way.FLAGGED)
    joined = go_on({"messages": begun, "continue_final_message": True}, "one", Way.FLAGGED)

    assert apart["messages"] == [*begun, {"role": "assistant", "content": "One"}]
    assert joined["messages"] == [ASKED, {"role": "assistant", "content": "Zero, one"}]


@pytest.mark.parametrize("prompt", ["Count: ", ["Count: "]])
def test_a_completion_s_text_stands_behind_its_prompt(prompt: Any) -> None:
    assert go_on({"prompt": prompt}, "One", Way.PROMPT) == {"prompt": "Count: One"}


def test_bounds_come_down_by_what_has_come() -> None:
    assert with_less({"max_tokens": 10, "n": 1}, 4) == {"max_tokens": 6, "n": 1}
    assert with_less({"max_completion_tokens": 3}, 4) == {"max_completion_tokens": 1}
    assert with_less({"max_tokens": None}, 4) == {"max_tokens": None}


# ------------------------------------------------------------------ what was said already


def taken(overlap: Overlap, *texts: str) -> str:
    return "".join(overlap.take(text) for text in texts) + overlap.rest()


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_an_echo_is_taken_out_however_it_arrives(size: int) -> None:
    whole = LONG + "five."
    texts = [whole[at : at + size] for at in range(0, len(whole), size)]

    assert taken(Overlap(LONG, Way.TRAILING), *texts) == "five."


def test_what_only_begins_like_an_echo_is_kept() -> None:
    assert taken(Overlap(LONG, Way.TRAILING), "One, two", " and so on") == "One, two and so on"
    assert taken(Overlap(LONG, Way.TRAILING), "One, ", "two") == "One, two"


def test_a_short_beginning_may_come_twice() -> None:
    assert taken(Overlap("ha ", Way.TRAILING), "ha ", "ha") == "ha ha"


@pytest.mark.parametrize(
    ("rest", "said"),
    [(" five", "five"), ("five", "five"), ("\nfive", "\nfive"), ("  five", " five"), ("", "")],
)
def test_white_space_is_not_told_twice(rest: str, said: str) -> None:
    assert taken(Overlap(LONG, Way.PREFILL), rest) == said


def test_an_echo_without_its_white_space_is_taken_out_too() -> None:
    assert taken(Overlap(LONG, Way.PREFILL), LONG.rstrip(), " five") == "five"
