"""A call's way through the gateway: where it goes, how often, what the answer says of it, what is booked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.core.limits.rates import parse_rate
from apps.core.tenancy import organization_scope
from apps.providers.enums import BudgetScope, Period, Sticky
from apps.providers.ledger import bounds
from apps.providers.models import Budget
from tests.factories.providers import make_route
from tests.providers.gateway.house import HELLO, SECRET, House, events, text

PRICES = {"input_price": Decimal(1), "output_price": Decimal(2)}


def asked(house: House) -> list[str]:
    """Which models the upstream was asked for."""
    return [seen.body["model"] for seen in house.calls]


def with_identity(house: House, **changes: Any) -> None:
    known = house.place.tokens.identities
    known[house.place.key] = replace(known[house.place.key], **changes)


def budget(house: House, **values: Any) -> None:
    given = {"scope": BudgetScope.ORGANIZATION, "period": Period.TOTAL, **values}
    with organization_scope(house.organization.pk):
        Budget.objects.create(organization=house.organization, **given)
    bounds.forget()


# ------------------------------------------------------------------ the way of a good call


def test_a_chat_is_answered_as_the_upstream_did(house: House) -> None:
    house.route(house.deployment("ok?tokens=3", name="first", **PRICES))

    answer = house.chat(temperature=0.5, something_new={"a": 1})

    assert answer.status == 200
    assert answer.json()["choices"][0]["message"]["content"] == "word0 word1 word2"
    sent = house.calls[0]
    assert sent.body == {
        "model": "ok?tokens=3",
        "messages": HELLO,
        "temperature": 0.5,
        "something_new": {"a": 1},
    }
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    assert house.place.key not in str(sent.headers)


def test_the_answer_s_headers_say_how_it_went(house: House) -> None:
    deployment = house.deployment(
        "ok?prompt_tokens=1000&completion_tokens=500", name="first", **PRICES
    )
    house.route(deployment)

    headers = house.chat(headers={"X-Request-ID": "req_mine"}).headers

    told = {name: headers.get(f"x-signalbox-{name}") for name in ("deployment", "provider", "attempts", "fallback", "cost", "cache")}  # fmt: skip
    assert told == {
        "deployment": "first",
        "provider": "openai_compatible",
        "attempts": "1",
        "fallback": "false",
        "cost": "0.002",
        "cache": "miss",
    }
    assert headers["x-request-id"] == "req_mine"
    assert headers["x-ratelimit-limit"] == "100"
    assert headers["x-ratelimit-remaining"] == "99"
    assert 0 <= float(headers["x-signalbox-overhead-ms"]) < 5000


def test_a_call_is_written_down_once(house: House) -> None:
    deployment = house.deployment(
        "ok?prompt_tokens=1000&completion_tokens=500", name="first", **PRICES
    )
    house.route(deployment)

    house.chat(user="ada", headers={"X-Request-ID": "req_mine"})

    record = house.record
    kept = ("organization", "request_id", "model", "operation", "status", "error_code", "end_user", "deployment", "provider", "is_stream", "is_cached", "is_estimated", "attempts", "prompt_tokens", "completion_tokens", "cost_nano")  # fmt: skip
    assert {name: record[name] for name in kept} == {
        "organization": house.organization.pk,
        "request_id": "req_mine",
        "model": "m",
        "operation": "chat",
        "status": "ok",
        "error_code": "",
        "end_user": "ada",
        "deployment": "first",
        "provider": "openai_compatible",
        "is_stream": False,
        "is_cached": False,
        "is_estimated": False,
        "attempts": 1,
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "cost_nano": 2_000_000,
    }
    assert 0 <= record["overhead_ms"] <= record["duration_ms"]


def test_a_stream_comes_whole_and_its_usage_is_booked_though_nobody_asked(house: House) -> None:
    house.route(house.deployment("ok?tokens=4&prompt_tokens=1000&completion_tokens=500", **PRICES))

    parts = events(house.chat(stream=True))

    assert text(parts) == "word0 word1 word2 word3"
    assert parts[-1] == "[DONE]"
    assert [part for part in parts[:-1] if not part["choices"]] == []
    record = house.record
    assert (record["status"], record["is_stream"], record["cost_nano"]) == ("ok", True, 2_000_000)
    assert 0 < record["first_token_ms"] <= record["duration_ms"]
    assert house.calls[0].body["stream_options"] == {"include_usage": True}


def test_a_stream_tells_usage_to_who_asks(house: House) -> None:
    house.route("ok?tokens=4&prompt_tokens=7&completion_tokens=4")

    parts = events(house.chat(stream=True, stream_options={"include_usage": True}))

    assert parts[-1] == "[DONE]"
    assert parts[-2]["choices"] == []
    assert parts[-2]["usage"]["prompt_tokens"] == 7


def test_usage_that_nobody_tells_is_counted_and_marked(house: House) -> None:
    house.route("ok?tokens=8&usage=0")

    house.chat()
    house.chat(stream=True)

    whole, streamed = house.records
    assert [whole["is_estimated"], streamed["is_estimated"]] == [True, True]
    assert whole["completion_tokens"] > 0
    assert streamed["completion_tokens"] == 8
    assert whole["prompt_tokens"] == streamed["prompt_tokens"] > 0


# ------------------------------------------------------------------ failing well


def test_the_next_deployment_answers_when_the_first_fails(house: House) -> None:
    house.route("status?code=500", "ok?text=second")

    answer = house.chat()

    assert answer.json()["choices"][0]["message"]["content"] == "second"
    assert asked(house) == ["status?code=500", "ok?text=second"]
    assert answer.headers["x-signalbox-attempts"] == "2"
    assert (house.record["status"], house.record["attempts"]) == ("ok", 2)


@pytest.mark.parametrize("mode", ["status?code=429&retry_after=30", "reset", "garbage?kind=html"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_whatever_fails_before_the_first_token_another_answers(
    house: House, mode: str, is_stream: bool
) -> None:
    house.route(mode, "ok?text=second")

    answer = house.chat(stream=is_stream)

    assert answer.status == 200
    assert asked(house) == [mode, "ok?text=second"]


def test_the_same_deployment_is_tried_again_as_long_as_its_provider_asks(house: House) -> None:
    house.route("flaky")
    house.llm.script("flaky", "status?code=429&retry_after=0.2", "ok?text=better")

    answer = house.chat()

    assert answer.status == 200
    assert len(house.calls) == 2
    assert house.calls[1].at - house.calls[0].at >= 0.2


def test_retries_are_bounded(house: House) -> None:
    house.route("status?code=500", retries=1)

    answer = house.chat()

    assert (answer.status, len(house.calls)) == (502, 2)


def test_the_fallback_answers_when_the_route_cannot(house: House) -> None:
    house.route("ok?text=spare", name="spare")
    house.route("overflow", name="m", fallbacks=["spare"])

    answer = house.chat()

    assert answer.json()["choices"][0]["message"]["content"] == "spare"
    assert answer.headers["x-signalbox-fallback"] == "true"
    assert (house.record["model"], house.record["attempts"]) == ("m", 2)


def test_nothing_is_tried_again_after_the_first_token(house: House) -> None:
    house.route("half?after=3", "ok?text=second")

    parts = events(house.chat(stream=True))

    assert parts[-1]["error"]["code"] == "upstream_cut"
    assert asked(house) == ["half?after=3"]


def test_what_failed_three_times_rests(house: House) -> None:
    house.route("status?code=500", "ok?text=second", retries=1)

    for _ in range(4):
        assert house.chat().status == 200

    assert asked(house).count("status?code=500") == 3


def test_who_sticks_stays_where_they_are(house: House) -> None:
    targets = [house.deployment("ok?text=a"), house.deployment("ok?text=b")]
    make_route(house.organization, name="m", targets=targets, sticky=Sticky.SESSION)

    by_session = {
        session: {house.chat(headers={"X-Session-ID": session}).json()["choices"][0]["message"]["content"] for _ in range(2)}
        for session in (f"session-{n}" for n in range(24))
    }  # fmt: skip

    assert all(len(seen) == 1 for seen in by_session.values())
    assert set.union(*by_session.values()) == {"a", "b"}


def test_a_deployment_s_own_limit_sends_calls_to_the_next(house: House) -> None:
    house.route(house.deployment("ok?text=a", requests_per_minute=1), "ok?text=b")

    said = [house.chat().json()["choices"][0]["message"]["content"] for _ in range(3)]

    assert said == ["a", "b", "b"]


def test_a_route_whose_deployments_are_busy_says_when_to_come_back(house: House) -> None:
    house.route(house.deployment("ok", requests_per_minute=1), retries=0)
    house.chat()

    answer = house.chat()

    assert (answer.status, answer.error) == (429, "upstream_rate_limited")
    assert int(answer.headers["retry-after"]) > 10


# ------------------------------------------------------------------ refusals


def test_an_unknown_model_and_one_that_is_not_allowed_look_alike(house: House) -> None:
    house.route("ok")
    with_identity(house, models=frozenset({"other"}))

    unknown, forbidden = house.chat("nope"), house.chat("m")

    assert (unknown.status, unknown.error) == (404, "model_not_found")
    assert (forbidden.status, forbidden.error) == (404, "model_not_found")
    assert unknown.json()["error"]["param"] == "model"
    assert house.records == []
    assert unknown.headers["x-ratelimit-remaining"] == "99"


def test_another_organization_s_route_is_not_there(house: House, tokens: Any) -> None:
    foreign = House(tokens, house.llm, [])
    foreign.route("ok", name="theirs")

    assert house.chat("theirs").error == "model_not_found"
    assert foreign.chat("theirs").status == 200


def test_the_limit_counts_what_is_refused_too(house: House) -> None:
    house.route("ok")
    with_identity(house, limits={"chat": parse_rate("3/m")})

    answers = [house.chat(), house.chat("nope"), house.chat(n=0), house.chat()]

    assert [answer.status for answer in answers] == [200, 404, 422, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "x-should-retry" not in answers[-1].headers
    assert len(house.calls) == 1
    assert len(house.records) == 1


def test_a_budget_of_tokens_tells_what_is_left(house: House) -> None:
    house.route(house.deployment("ok?prompt_tokens=10&completion_tokens=20", **PRICES))
    budget(house, tokens=100)

    first, second = house.chat(max_tokens=40), house.chat(max_tokens=40)

    assert [each.headers["x-signalbox-tokens-remaining"] for each in (first, second)] == [
        "70",
        "40",
    ]
    assert "x-signalbox-budget-remaining" not in first.headers


def test_a_budget_that_is_used_up_refuses_for_good(house: House) -> None:
    house.route(house.deployment("ok?prompt_tokens=10&completion_tokens=500", **PRICES))
    budget(house, amount=Decimal("0.001"))

    first, second = house.chat(max_tokens=400), house.chat(max_tokens=400)

    assert first.status == 200
    assert first.headers["x-signalbox-budget-remaining"] == "0"
    assert "x-signalbox-tokens-remaining" not in first.headers
    assert (second.status, second.error) == (429, "budget_exceeded")
    assert second.json()["error"]["type"] == "insufficient_quota"
    assert second.headers["x-should-retry"] == "false"
    assert [record["status"] for record in house.records] == ["ok", "refused"]
    assert len(house.calls) == 1


def test_an_answer_is_kept_within_what_is_left(house: House) -> None:
    """Two dollars a million tokens: a thousandth of a dollar is 500 at most."""
    house.route(house.deployment("ok?tokens=2", output_price=Decimal(2)))
    budget(house, amount=Decimal("0.001"))

    answer = house.chat()

    assert answer.status == 200
    assert house.calls[0].body["max_tokens"] == 500


def test_an_operation_that_no_deployment_offers_is_refused(house: House) -> None:
    house.route(house.deployment("ok", capabilities=["embeddings"]))

    answer = house.chat()

    assert (answer.status, answer.error) == (422, "operation_not_supported")
    assert house.calls == []


def test_a_route_without_deployments_is_unavailable(house: House) -> None:
    make_route(house.organization, name="empty", targets=[])

    answer = house.chat("empty")

    assert (answer.status, answer.error) == (503, "no_deployment_available")


@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "api_key", "extra_headers", "proxy", "headers"]
)
def test_a_caller_leads_a_call_nowhere_else(house: House, name: str) -> None:
    house.route("ok")

    answer = house.post(
        "/v1/chat/completions", {"model": "m", "messages": HELLO, name: house.llm.root}
    )

    assert (answer.status, answer.json()["error"]["param"]) == (422, name)
    assert house.calls == []


def test_a_route_is_followed_as_soon_as_it_changes(house: House) -> None:
    from apps.core.changes import announce_change  # noqa: PLC0415 - the test's only use of it
    from apps.providers.topics import ROUTES_SCOPE  # noqa: PLC0415 - as above

    route = house.route("ok?text=before")
    assert house.chat().status == 200
    with organization_scope(house.organization.pk):
        route.targets.all().delete()
        announce_change(ROUTES_SCOPE + house.organization.public_id)

    assert house.chat().status == 503
