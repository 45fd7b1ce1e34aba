"""Comparisons and titles through GraphQL: coroutines that ask models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.conversations.generations import hub
from apps.conversations.models import Comparison, Conversation
from apps.conversations.services import comparisons
from apps.core.limits.rates import Rate
from apps.core.tenancy import organization_scope
from tests.conversations.generations.conftest import house, llm, llm_server, records, tokens
from tests.conversations.graphql.conftest import refusal
from tests.conversations.graphql.talk import Talk, Wire
from tests.factories.branches import make_conversation_of
from tests.factories.tenants import make_admin, make_member
from tests.providers.gateway.house import House

__all__ = ["house", "llm", "llm_server", "records", "tokens"]
pytestmark = [pytest.mark.integration, pytest.mark.django_db]
FIELDS = "id prompt status chosen contenders { model conversationId messageId status content usage { total } error { code } }"
COMPARE = f"mutation ($models: [String!]!, $prompt: String!, $system: String) {{ createComparison(prompt: $prompt, models: $models, systemPrompt: $system) {{ comparison {{ {FIELDS} }} }} }}"
ONE = f"query ($id: ID!) {{ comparison(id: $id) {{ {FIELDS} }} }}"
LIST = "{ comparisons { totalCount nodes { id prompt models chosen } } }"
CHOOSE = "mutation ($id: ID!, $model: String!) { chooseContender(id: $id, model: $model) { comparison { chosen chosenAt } } }"
TITLE = "mutation ($id: ID!, $force: Boolean) { suggestTitle(id: $id, force: $force) { conversation { title revision } } }"


@pytest.fixture
def talk(house: House) -> Iterator[Talk]:
    house.route("ok?text=one", name="m")
    house.route("ok?text=two", name="n")
    with organization_scope(house.organization.pk):
        yield Talk(house)


def compare(talk: Talk) -> Any:
    """Begun, and answered."""

    async def work() -> Any:
        async with Wire(talk.key) as wire:
            await wire.begin(COMPARE, prompt="Which?", models=["m", "n"])
            made = (await wire.hear())["payload"]["data"]["createComparison"]["comparison"]
            for running in list(hub.hub()._running.values()):
                await running.transcript.ended()
            return made

    return talk.run(work)


def test_two_models_are_asked_and_one_is_chosen(talk: Talk) -> None:
    made = compare(talk)
    found = talk.done(ONE, id=made["id"])
    chosen = talk.done(CHOOSE, id=made["id"], model="n")["comparison"]

    assert [(each["model"], each["status"]) for each in made["contenders"]] == [
        ("m", "generating"),
        ("n", "generating"),
    ]
    assert (made["status"], made["chosen"], found["status"]) == ("generating", None, "complete")
    assert [(each["content"], each["error"]) for each in found["contenders"]] == [
        ("one", None),
        ("two", None),
    ]
    assert chosen["chosen"] == "n"
    assert talk.done(LIST) == {
        "totalCount": 1,
        "nodes": [{"id": made["id"], "prompt": "Which?", "models": ["m", "n"], "chosen": "n"}],
    }
    assert refusal(talk.ask(CHOOSE, id=made["id"], model="other"))[0] == "INVALID"


@pytest.mark.parametrize(
    "given",
    [
        {"models": ["m"]},
        {"models": ["m", "m"]},
        {"models": ["m", "nothing"]},
        {"models": ["m"] * 5},
        {"prompt": " "},
        {"system": "x" * 100_001},
    ],
)
def test_what_compares_nothing(talk: Talk, given: dict[str, Any]) -> None:
    asked = {"models": ["m", "n"], "prompt": "Which?", **given}

    assert refusal(talk.ask(COMPARE, **asked))[0] == "INVALID"
    assert (Comparison.objects.count(), talk.llm.calls) == (0, [])


def test_comparisons_are_one_s_own(talk: Talk) -> None:
    made = compare(talk)
    others = [talk.key_of(make_member(talk.house.organization)), talk.key_of(make_admin())]

    assert {
        refusal(talk.ask(query, key=key, id=made["id"], **more))[0]
        for key in others
        for query, more in [(ONE, {}), (CHOOSE, {"model": "m"})]
    } == {"NOT_FOUND"}
    assert [talk.ask(LIST, key=key)["data"]["comparisons"]["totalCount"] for key in others] == [
        0,
        0,
    ]


def test_a_list_of_comparisons_costs_the_same_however_long(talk: Talk) -> None:
    def make() -> None:
        comparisons.begin_comparison(actor=talk.actor, prompt="Which?", models=["m", "n"])

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            talk.done(LIST)
        return len(queries)

    make()
    cost()
    before = cost()
    for _ in range(3):
        make()

    assert cost() == before


def test_a_title_is_the_model_s_and_stays_when_a_person_gave_it(talk: Talk) -> None:
    asked = make_conversation_of(talk.actor, "What is a signal?", "A sign.", model="m", title="")
    given = make_conversation_of(talk.actor, "a", "b", model="m", title="Mine", is_title_given=True)

    made = talk.done(TITLE, id=asked.public_id)["conversation"]
    kept = talk.done(TITLE, id=given.public_id)["conversation"]
    forced = talk.done(TITLE, id=given.public_id, force=True)["conversation"]

    assert [each["title"] for each in (made, kept, forced)] == ["one", "Mine", "one"]
    assert len(talk.llm.calls) == 2


def test_titles_that_are_not_made(talk: Talk) -> None:
    empty = make_conversation_of(talk.actor, model="m")
    said = make_conversation_of(talk.actor, "a", "b", model="m")
    others = [talk.key_of(make_member(talk.house.organization)), talk.key_of(make_admin())]

    assert refusal(talk.ask(TITLE, id=empty.public_id)) == ("CONFLICT", "nothing_said")
    assert {refusal(talk.ask(TITLE, key=key, id=said.public_id))[0] for key in others} == {
        "NOT_FOUND"
    }
    assert talk.llm.calls == []


def test_titles_and_comparisons_count_as_chats(talk: Talk, settings: Any) -> None:
    settings.SIGNALBOX_RATES = {**settings.SIGNALBOX_RATES, "chat": Rate(1, 60)}
    said = make_conversation_of(talk.actor, "a", "b", model="m", title="")
    talk.done(TITLE, id=said.public_id)
    before = Conversation.objects.count()

    again = refusal(talk.ask(TITLE, id=said.public_id))
    compared = refusal(talk.ask(COMPARE, prompt="Which?", models=["m", "n"]))

    assert again == compared == ("LIMITED", "rate_limited")
    assert (Conversation.objects.count(), len(talk.llm.calls)) == (before, 1)
