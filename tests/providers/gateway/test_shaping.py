"""What a route does to the words that pass: its prompt, its guardrails on the way up and back, its captures."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from apps.core import json as strict_json
from apps.core.spool import process as spool
from apps.core.tenancy import organization_scope
from apps.providers.domain import captures
from apps.providers.ledger import bounds
from apps.providers.models import Budget
from tests.factories.providers import make_prompt
from tests.providers.gateway.house import HELLO, SECRET, House, events, text

CARD = "4111 1111 1111 1111"
MAIL = "ada@example.com"
TOKEN = "ltb_" + "A" * 43
PERSONAL = f"Card {CARD}, mail {MAIL}, key {TOKEN}."


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    written: list[tuple[str, Any]] = []

    def append(kind: str, value: Any) -> bool:
        if kind == captures.KIND:
            written.append((kind, json.loads(strict_json.dumps(value))))
        return True

    monkeypatch.setattr(spool, "append", append)
    return written


def sent(house: House) -> Any:
    return house.calls[-1].body["messages"]


# ------------------------------------------------------------------ prompts


def test_a_route_s_prompt_goes_before_the_caller_s_words(house: House) -> None:
    make_prompt(house.organization, "Answer in {{language}}.", name="tone", labels={"live": 1})
    house.route("ok", prompt="tone@live")

    answer = house.chat(prompt_variables={"language": "French"})

    assert answer.status == 200
    assert sent(house) == [{"role": "system", "content": "Answer in French."}, *HELLO]
    assert "prompt_variables" not in house.calls[0].body


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({}, "prompt_variables.language"),
        ({"language": "x", "more": 1}, "prompt_variables.more"),
        ({"language": [1]}, "prompt_variables.language"),
        ("French", "prompt_variables"),
    ],
)
def test_variables_that_do_not_fit_are_refused_by_name(
    house: House, variables: Any, field: str
) -> None:
    make_prompt(house.organization, "Answer in {{language}}.", name="tone", labels={"live": 1})
    house.route("ok", prompt="tone@live")

    answer = house.chat(prompt_variables=variables)

    assert (answer.status, answer.json()["error"]["param"]) == (422, field)
    assert house.calls == []


def test_variables_without_a_prompt_are_refused(house: House) -> None:
    house.route("ok")

    answer = house.chat(prompt_variables={})

    assert (answer.status, answer.json()["error"]["param"]) == (422, "prompt_variables")


def test_a_prompt_goes_into_anthropic_s_system(house: House) -> None:
    make_prompt(house.organization, "Be brief.", name="tone", labels={"live": 1})
    house.route(house.deployment("ok", "anthropic"), prompt="tone@live")
    body = {"model": "m", "max_tokens": 9, "system": "Mine.", "messages": HELLO}

    answer = house.post("/v1/messages", body)

    assert answer.status == 200
    assert house.calls[0].body["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Mine."},
    ]


def test_a_prompt_goes_before_a_completion_s_text(house: House) -> None:
    make_prompt(house.organization, "Once upon a time", name="tone", labels={"live": 1})
    house.route("ok", prompt="tone@live")

    answers = [
        house.post("/v1/completions", {"model": "m", "prompt": prompt})
        for prompt in ("there was", ["a", "b"])
    ]

    assert [answer.status for answer in answers] == [200, 422]
    assert house.calls[0].body["prompt"] == "Once upon a time\n\nthere was"


def test_parameters_of_a_prompt_are_defaults_and_checked(house: House) -> None:
    prompt = make_prompt(house.organization, "Hi.", name="tone", labels={"live": 1})
    house.route("ok", prompt="tone@live")
    with organization_scope(house.organization.pk):
        prompt.versions.update(parameters={"temperature": 0.1, "top_p": 0.5, "base_url": "x"})

    house.chat(top_p=1)

    said = house.calls[0].body
    assert (said["temperature"], said["top_p"], "base_url" in said) == (0.1, 1, False)


def test_a_long_prompt_is_reserved_for(house: House) -> None:
    """A dollar a million tokens: 20,000 characters can be 20,000 tokens, more than a cent pays for."""
    make_prompt(house.organization, "x" * 20_000, name="tone", labels={"live": 1})
    deployment = house.deployment("ok", input_price=Decimal(1), output_price=Decimal(1))
    house.route(deployment, prompt="tone@live")
    with organization_scope(house.organization.pk):
        Budget.objects.create(
            organization=house.organization, scope="organization", period="total", amount="0.001"
        )
    bounds.forget()

    answer = house.chat(max_tokens=5)

    assert (answer.status, answer.error) == (429, "budget_exceeded")
    assert house.calls == []


# ------------------------------------------------------------------ guardrails


def guarded(house: House, model: str, *guardrails: dict[str, Any], **values: Any) -> None:
    house.route(model, guardrails=list(guardrails), **values)


REDACT = {"name": "redact", "options": {}}
DENY = {"name": "deny_list", "options": {"words": ["forbidden"]}}


def test_a_request_is_redacted_before_it_leaves(house: House) -> None:
    guarded(house, "ok", REDACT)

    house.chat(messages=[{"role": "user", "content": PERSONAL}])

    assert sent(house) == [{"role": "user", "content": "Card [card], mail [email], key [secret]."}]


def test_an_answer_is_redacted_on_its_way_back(house: House) -> None:
    guarded(house, f"ok?text={MAIL}", REDACT)

    whole = house.chat()
    streamed = events(house.chat(stream=True))

    assert whole.json()["choices"][0]["message"]["content"] == "[email]"
    assert (text(streamed), streamed[-1]) == ("[email]", "[DONE]")


def test_a_denied_request_is_refused_and_nothing_goes_up(house: House) -> None:
    guarded(house, "ok", DENY)

    answer = house.chat(messages=[{"role": "user", "content": "It is FORBIDDEN."}])

    assert (answer.status, answer.error) == (422, "guardrail_refused")
    assert house.calls == []
    assert (house.record["status"], house.record["error_code"]) == ("refused", "guardrail_refused")
    assert answer.headers["x-ratelimit-remaining"] == "99"


def test_naming_the_provider_is_no_way_around(house: House) -> None:
    guarded(house, "ok", DENY)

    answer = house.chat(
        provider="openai_compatible", messages=[{"role": "user", "content": "forbidden"}]
    )

    assert (answer.status, answer.error) == (422, "guardrail_refused")
    assert house.calls == []


@pytest.mark.parametrize("named", ["ok", "first"])
def test_naming_the_provider_s_own_model_is_no_way_around_either(house: House, named: str) -> None:
    rules = [
        {"name": "deny_list", "options": {"words": [word], "action": "mask", "on": ["request"]}}
        for word in ("forbidden", "secret")
    ]
    first = house.deployment("ok", name="first")
    house.route(first, name="a", guardrails=rules[:1])
    house.route(first, name="b", guardrails=rules)
    house.route("ok?n=2", name="c", guardrails=[{"name": "deny_list", "options": {"words": ["Hello"], "action": "refuse"}}])  # fmt: skip

    answer = house.chat(
        named,
        provider="openai_compatible",
        messages=[{"role": "user", "content": "Hello, forbidden secret"}],
    )

    assert answer.status == 200
    sent = house.calls[0].body["messages"][0]["content"]
    assert sent.startswith("Hello, ")
    assert ("forbidden" in sent, "secret" in sent) == (False, False)


def test_a_denied_answer_is_refused_and_paid_for(house: House) -> None:
    house.route(
        house.deployment(
            "ok?text=forbidden&prompt_tokens=10&completion_tokens=5", output_price=Decimal(1)
        ),
        guardrails=[DENY],
    )

    answer = house.chat()

    assert (answer.status, answer.error) == (422, "guardrail_refused")
    facts = [house.record[name] for name in ("status", "completion_tokens", "cost_nano")]
    assert facts == ["refused", 5, 5000]


def test_a_stream_is_refused_in_its_middle(house: House) -> None:
    words = "+".join([*["word"] * 60, "forbidden", *["more"] * 200])
    house.llm.script("talkative", f"ok?text={words}&gap=0.002")
    house.route(house.deployment("talkative"), guardrails=[DENY])

    parts = events(house.chat(stream=True))

    said = text(parts)
    assert said.startswith("word word")
    assert "forbidden" not in said
    assert "more" not in said
    assert parts[-1]["error"]["code"] == "guardrail_refused"
    assert (house.record["status"], house.record["error_code"]) == ("refused", "guardrail_refused")
    assert house.record["completion_tokens"] > 60
    assert house.record["is_estimated"] is True


# ------------------------------------------------------------------ captures


def test_a_capture_holds_both_sides_without_what_is_private(
    house: House, spooled: list[tuple[str, Any]]
) -> None:
    house.route(f"ok?text={MAIL}", captures=True)

    answer = house.chat(messages=[{"role": "user", "content": PERSONAL}], user=MAIL)

    assert answer.json()["choices"][0]["message"]["content"] == MAIL
    ((kind, record),) = spooled
    assert kind == captures.KIND
    assert record["request"]["messages"] == [
        {"role": "user", "content": "Card [card], mail [email], key [secret]."}
    ]
    assert record["answer"]["choices"][0]["message"]["content"] == "[email]"
    written = json.dumps(record)
    assert not [secret for secret in (CARD, MAIL, TOKEN, SECRET) if secret in written]
    facts = [record[name] for name in ("model", "status", "is_cut", "request_id")]
    assert facts == ["m", "ok", False, answer.headers["x-request-id"]]


def test_a_stream_is_captured_as_its_text(house: House, spooled: list[tuple[str, Any]]) -> None:
    house.route("half?after=2", captures=True, retries=0)

    house.chat(stream=True)

    ((_, record),) = spooled
    assert (record["status"], record["answer"]) == ("cut", {"text": "word0"})


def test_what_is_refused_by_the_rate_is_not_captured(
    house: House, spooled: list[tuple[str, Any]]
) -> None:
    house.route("ok", captures=True, cache_seconds=60)

    answers = [house.chat() for _ in range(101)]

    assert answers[-1].status == 429
    assert len(spooled) == len(house.records) == 100


def test_a_route_that_does_not_ask_is_not_captured(
    house: House, spooled: list[tuple[str, Any]]
) -> None:
    house.route("ok")

    house.chat()

    assert spooled == []
