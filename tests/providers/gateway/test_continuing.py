"""A stream that breaks off and goes on elsewhere: one stream to its caller, one row in the books."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from apps.core.actor import Actor
from apps.core.asgi.pool import InlinePool, use_pool
from apps.core.http_client.client import close_session
from apps.core.tenancy import organization_scope
from apps.providers.domain.calls import Call
from apps.providers.enums import BudgetScope, Dialect, Operation, Period
from apps.providers.errors import NotOffered
from apps.providers.gateway import engine
from apps.providers.ledger import bounds
from apps.providers.models import Budget
from tests.providers.gateway.house import HELLO, House, events, text

SAID = "Once upon a time there lived a fox"
FIRST = f"text={SAID}"
CUT = f"half?after=8&letters=3&{FIRST}"
"""Breaks off within a word: a role and 21 letters, `Once upon a time ther`."""
BEGUN = "Once upon a time ther"
REST = f"ok?goes_on=1&{FIRST}"


def last_messages(house: House) -> list[Any]:
    return [seen.body["messages"][-1] for seen in house.calls]


def booked(house: House) -> tuple[Any, ...]:
    record = house.record
    return (record["status"], record["error_code"], record["attempts"])


# ------------------------------------------------------------------ one stream


@pytest.mark.parametrize("how", ["half", "reset", "stall", "error"])
def test_a_stream_that_breaks_off_within_a_word_goes_on_at_the_next(house: House, how: str) -> None:
    first = house.deployment(CUT.replace("half", how), idle_seconds=0.3)
    house.route(first, REST, continues=True)

    parts = events(house.chat(stream=True))

    assert text(parts) == SAID
    assert parts[-1] == "[DONE]"
    assert last_messages(house) == [HELLO[0], {"role": "assistant", "content": BEGUN}]
    assert booked(house) == ("ok", "", 2)


def test_it_keeps_the_name_it_began_with_and_its_role_is_told_once(house: House) -> None:
    house.route(CUT, REST, continues=True)

    parts = events(house.chat(stream=True))[:-1]

    assert {(part["id"], part["model"], part["object"]) for part in parts} == {
        ("chatcmpl-fake", CUT, "chat.completion.chunk")
    }
    roles = [one["delta"].get("role") for part in parts for one in part["choices"]]
    assert roles == ["assistant", *[None] * (len(roles) - 1)]
    assert [one["finish_reason"] for part in parts for one in part["choices"]][-1] == "stop"


def test_a_comment_says_where_it_went_on(house: House) -> None:
    house.route(CUT, house.deployment(REST, name="second"), continues=True)

    body = house.chat(stream=True).body

    assert body.count(b": continued by second\n\n") == 1
    assert body.index(b": continued") > body.index(b"Once")


def test_it_goes_on_twice(house: House) -> None:
    again = f"half?after=3&goes_on=1&{FIRST}"
    house.route(CUT, again, REST, continues=True)

    parts = events(house.chat(stream=True))

    assert text(parts) == SAID
    assert [message["content"] for message in last_messages(house)] == [
        "Hello",
        BEGUN,
        "Once upon a time there lived",
    ]
    assert booked(house) == ("ok", "", 3)


def test_it_goes_on_no_more_than_twice(house: House) -> None:
    cuts = [f"half?after=2&goes_on=1&{FIRST}&n={n}" for n in range(4)]
    house.route(*cuts, continues=True, retries=10)

    parts = events(house.chat(stream=True))

    assert parts[-1]["error"]["code"] == "upstream_cut"
    assert text(parts) == "Once upon a"
    assert booked(house) == ("cut", "upstream_cut", 3)


def test_a_lone_target_is_asked_again(house: House) -> None:
    house.route("flaky", continues=True)
    house.llm.script("flaky", CUT, REST)

    assert text(events(house.chat(stream=True))) == SAID


def test_the_fallback_goes_on_where_the_targets_cannot(house: House) -> None:
    house.route(REST, name="spare")
    house.route(CUT, name="m", continues=True, fallbacks=["spare"], retries=0)

    assert text(events(house.chat(stream=True))) == SAID


@pytest.mark.parametrize("second", ["status?code=500", "status?code=400", "reset", "half"])
def test_whoever_fails_to_go_on_is_passed_over(house: House, second: str) -> None:
    house.route(CUT, second, REST, continues=True)

    parts = events(house.chat(stream=True))

    assert (text(parts), parts[-1]) == (SAID, "[DONE]")
    assert booked(house) == ("ok", "", 3)


@pytest.mark.parametrize("second", ["status?code=500", "status?code=400", "overflow", "reset"])
def test_a_stream_that_nobody_goes_on_with_is_cut_honestly(house: House, second: str) -> None:
    house.route(CUT, second, continues=True, retries=1)

    parts = events(house.chat(stream=True))

    assert text(parts) == BEGUN
    assert parts[-1]["error"]["code"] == "upstream_cut"
    assert "[DONE]" not in parts
    assert booked(house) == ("cut", "upstream_cut", 2)
    assert house.record["completion_tokens"] == 7


def test_an_echo_of_what_was_said_is_taken_out(house: House) -> None:
    house.route(CUT, f"ok?{FIRST}", continues=True)

    assert text(events(house.chat(stream=True))) == SAID


def test_a_caller_who_leaves_while_it_goes_on_ends_that_too(house: House) -> None:
    house.route(CUT, "hang", continues=True)

    house.chat(stream=True, then="left")

    house.llm.wait_for(lambda seen: len(seen) == 2 and seen[1].left_after is not None)
    assert booked(house) == ("cancelled", "", 2)
    assert house.record["completion_tokens"] == 7


# ------------------------------------------------------------------ who is not asked


@pytest.mark.parametrize(
    "body",
    [{"n": 2}, {"logprobs": True}, {"response_format": {"type": "json_object"}}],
)
def test_what_is_more_than_a_text_is_cut_as_it_was(house: House, body: dict[str, Any]) -> None:
    house.route(CUT, REST, continues=True)

    parts = events(house.chat(stream=True, **body))

    assert parts[-1]["error"]["code"] == "upstream_cut"
    assert len(house.calls) == 1


def test_a_stream_that_calls_a_tool_is_cut_as_it_was(house: House) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    house.route("half?after=3&tool=1", REST, continues=True)

    parts = events(house.chat(stream=True, tools=[tool]))

    assert parts[-1]["error"]["code"] == "upstream_cut"
    assert len(house.calls) == 1


def test_a_text_is_gone_on_with_though_tools_were_offered(house: House) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    house.route(CUT, REST, continues=True)

    assert text(events(house.chat(stream=True, tools=[tool]))) == SAID


def test_a_kind_that_begins_anew_is_not_asked(house: House) -> None:
    newer = house.deployment(REST, kind="openai")
    house.route(CUT, newer, REST, continues=True)

    parts = events(house.chat(stream=True))

    assert text(parts) == SAID
    assert [seen.path for seen in house.calls] == ["/v1/chat/completions"] * 2
    assert booked(house) == ("ok", "", 2)


def test_the_one_that_broke_off_is_asked_again_where_the_others_cannot(house: House) -> None:
    house.route("flaky", house.deployment(REST, kind="openai"), continues=True)
    house.llm.script("flaky", CUT, REST)

    assert text(events(house.chat(stream=True))) == SAID
    assert [seen.body["model"] for seen in house.calls] == ["flaky", "flaky"]


def test_a_kind_that_begins_anew_is_not_asked_to_go_on_with_its_own(house: House) -> None:
    house.route(house.deployment("flaky", kind="openai"), continues=True)
    house.llm.script("flaky", CUT, REST)

    assert events(house.chat(stream=True))[-1]["error"]["code"] == "upstream_cut"
    assert len(house.calls) == 1


def test_a_stream_is_cut_where_its_route_does_not_say_so(house: House) -> None:
    house.route(CUT, REST)

    assert events(house.chat(stream=True))[-1]["error"]["code"] == "upstream_cut"


# ------------------------------------------------------------------ other words


def test_vllm_is_told_by_flags(house: House) -> None:
    house.route(CUT, house.deployment(REST, kind="vllm"), continues=True)

    assert text(events(house.chat(stream=True))) == SAID
    sent = house.calls[1].body
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


def test_a_completion_goes_on_behind_its_prompt(house: House) -> None:
    house.route(f"half?after=3&{FIRST}", REST, continues=True)

    body = {"model": "m", "prompt": "Tell. ", "stream": True}
    parts = events(house.post("/v1/completions", body))

    said = "".join(one["text"] for part in parts[:-1] for one in part["choices"])
    assert (said, parts[-1]) == (SAID, "[DONE]")
    assert house.calls[1].body["prompt"] == "Tell. Once upon a"


@pytest.mark.parametrize("first", ["openai_compatible", "anthropic"])
@pytest.mark.parametrize("second", ["openai_compatible", "anthropic", "tgi"])
def test_any_kind_goes_on_for_any_caller(house: House, first: str, second: str) -> None:
    house.route(
        house.deployment(f"half?after=5&{FIRST}", kind=first),
        house.deployment(REST, kind=second),
        continues=True,
    )

    assert text(events(house.chat(stream=True))) == SAID
    body = {"model": "m", "max_tokens": 50, "messages": HELLO, "stream": True}
    parts = events(house.post("/v1/messages", body))

    kinds = [part["type"] for part in parts]
    assert "".join(part["delta"].get("text", "") for part in parts if "delta" in part) == SAID
    assert [kind for kind in kinds if kind != "content_block_delta"] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert {part["index"] for part in parts if "index" in part} == {0}
    assert parts[-2]["usage"]["output_tokens"] > 0


def test_anthropic_gets_no_white_space_at_the_end_and_none_is_said_twice(house: House) -> None:
    cut = f"half?after=7&letters=3&{FIRST}"
    house.route(cut, house.deployment(REST, kind="anthropic"), continues=True)

    assert text(events(house.chat(stream=True))) == SAID
    assert last_messages(house)[1]["content"] == "Once upon a time t"


# ------------------------------------------------------------------ the books


PRICES = {"input_price": Decimal(1), "output_price": Decimal(2)}


def test_both_attempts_are_paid_once_at_their_own_prices(house: House) -> None:
    first = house.deployment(CUT, **PRICES)
    second = house.deployment(
        f"{REST}&prompt_tokens=1000&completion_tokens=10",
        input_price=Decimal(10),
        output_price=Decimal(20),
    )
    house.route(first, second, continues=True)

    parts = events(house.chat(stream=True, stream_options={"include_usage": True}))

    record = house.record
    prompt = record["prompt_tokens"] - 1000
    assert 0 < prompt < 20
    assert record["completion_tokens"] == 7 + 10
    assert record["cost_nano"] == (prompt * 1 + 7 * 2 + 1000 * 10 + 10 * 20) * 1000
    assert record["is_estimated"] is True
    assert parts[-2]["usage"] == {
        "prompt_tokens": prompt + 1000,
        "completion_tokens": 17,
        "total_tokens": prompt + 1017,
    }


def test_what_is_held_is_enough_for_all_attempts(house: House) -> None:
    deployment = house.deployment("flaky", **PRICES)
    house.llm.script("flaky", CUT, f"half?after=3&goes_on=1&{FIRST}", REST)
    house.route(deployment, continues=True)
    with organization_scope(house.organization.pk):
        Budget.objects.create(
            organization=house.organization,
            scope=BudgetScope.ORGANIZATION,
            period=Period.TOTAL,
            amount=Decimal(1),
        )
    bounds.forget()

    answer = house.chat(stream=True, max_tokens=30)

    assert text(events(answer)) == SAID
    assert [seen.body["max_tokens"] for seen in house.calls] == [30, 23, 21]


@pytest.mark.parametrize(("amount", "calls"), [("0.004", 1), ("1", 2)])
def test_a_budget_that_is_too_small_to_go_on_ends_the_stream(
    house: House, amount: str, calls: int
) -> None:
    """Held is what is left: room for one attempt, and none for what another would read."""
    first = house.deployment(CUT, output_price=Decimal(100))
    second = house.deployment(REST, input_price=Decimal(1000), output_price=Decimal(100))
    house.route(first, second, continues=True)
    with organization_scope(house.organization.pk):
        Budget.objects.create(
            organization=house.organization,
            scope=BudgetScope.ORGANIZATION,
            period=Period.TOTAL,
            amount=Decimal(amount),
        )
    bounds.forget()

    parts = events(house.chat(stream=True, max_tokens=20))

    assert (parts[-1] == "[DONE]") is (calls == 2)
    assert len(house.calls) == calls


def test_bounds_of_the_answer_come_down(house: House) -> None:
    house.route(CUT, REST, continues=True)

    house.chat(stream=True, max_tokens=20)

    assert [seen.body["max_tokens"] for seen in house.calls] == [20, 13]


# ------------------------------------------------------------------ beside


def test_what_was_put_together_is_not_kept(house: House) -> None:
    house.route("flaky", continues=True, cache_seconds=60)
    house.llm.script("flaky", CUT, REST, f"ok?{FIRST}")

    answers = [house.chat(stream=True) for _ in range(3)]

    assert [text(events(answer)) for answer in answers] == [SAID] * 3
    caches = [answer.headers["x-signalbox-cache"] for answer in answers]
    assert caches == ["miss", "miss", "hit"]


def test_guardrails_see_the_words_across_the_seam(house: House) -> None:
    rule = {"name": "deny_list", "options": {"words": ["there"], "action": "mask", "on": ["answer"]}}  # fmt: skip
    house.route(CUT, REST, continues=True, guardrails=[rule])

    said = text(events(house.chat(stream=True)))

    assert "there" not in said
    assert said.startswith("Once upon a time ")
    assert said.endswith(" lived a fox")


def test_guardrails_of_requests_see_what_is_sent_on(house: House) -> None:
    rule = {"name": "deny_list", "options": {"words": ["upon"], "action": "refuse", "on": ["request"]}}  # fmt: skip
    house.route(CUT, REST, continues=True, guardrails=[rule])

    parts = events(house.chat(stream=True))

    assert parts[-1]["error"]["code"] == "upstream_cut"
    assert len(house.calls) == 1


# ------------------------------------------------------------------ an answer that was begun before


def begun_call(said: str, *, is_stream: bool = True, dialect: Dialect = Dialect.OPENAI) -> Call:
    body = {"model": "m", "messages": HELLO, "max_tokens": 40}
    return Call(Operation.CHAT, dialect, "m", body, is_stream=is_stream, continues_text=said)


def said_to(house: House, call: Call) -> str:
    """What the engine gives beside what was said before."""
    actor = Actor(house.place.tokens.identities[house.place.key], request_id="req_test")

    async def ask() -> str:
        before = use_pool(InlinePool())
        try:
            if not call.is_stream:
                return (await engine.complete(actor, call)).answer.text
            stream = await engine.stream(actor, call)
            return "".join([event.text async for event in stream.events()])
        finally:
            await close_session()
            use_pool(before)

    return asyncio.run(ask())


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("kind", ["openai_compatible", "anthropic", "vllm"])
@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_call_goes_on_with_an_answer_that_was_begun_before(
    house: House, kind: str, dialect: Dialect, is_stream: bool
) -> None:
    new = house.deployment(REST, kind="openai", name="new")
    house.route(new, house.deployment(REST, kind=kind))

    said = said_to(house, begun_call("Once upon a ", is_stream=is_stream, dialect=dialect))

    assert said == "time there lived a fox"
    assert len(house.calls) == 1


@pytest.mark.parametrize("is_stream", [True, False])
def test_an_echo_of_what_was_begun_before_is_taken_out(house: House, is_stream: bool) -> None:
    house.route(f"ok?{FIRST}")

    assert said_to(house, begun_call("Once upon a time th", is_stream=is_stream)) == (
        "ere lived a fox"
    )


def test_what_was_begun_before_goes_on_once_more_when_it_breaks_off(house: House) -> None:
    house.route(f"half?after=3&goes_on=1&{FIRST}", REST, continues=True)

    assert said_to(house, begun_call("Once upon")) == " a time there lived a fox"
    assert last_messages(house)[1]["content"] == "Once upon a time"


def test_nobody_is_asked_who_would_begin_anew(house: House) -> None:
    house.route(house.deployment(REST, kind="openai"))

    with pytest.raises(NotOffered):
        said_to(house, begun_call("Once upon"))
