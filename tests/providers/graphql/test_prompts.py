"""Each deed on prompts through GraphQL says what the services say, refusals included."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.actor import Role
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.providers import make_prompt
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
HELLO = [{"role": "system", "content": "Hello {{name}}."}]
CREATE = "mutation ($input: PromptInput!) { createPrompt(input: $input) { prompt { name newest revision labels { name version } } } }"
ADD = 'mutation ($input: PromptVersionInput!) { addPromptVersion(name: "tone", input: $input) { version { version messages variables } } }'
DESCRIBE = 'mutation { describePrompt(name: "tone", description: "x") { prompt { description } } }'
LABEL = 'mutation { setPromptLabel(name: "tone", label: "production", version: 1) { prompt { labels { name version } } } }'
UNLABEL = 'mutation { removePromptLabel(name: "tone", label: "production") { prompt { labels { name } } } }'
DELETE = 'mutation { deletePrompt(name: "tone") { name } }'
READ = """query ($variables: JSON) {
  prompt(name: "tone") { newest }
  promptVersion(name: "tone", tag: "1") { messages }
  promptVersions(name: "tone") { nodes { version } }
  promptDifference(name: "tone", before: "1")
  renderedPrompt(name: "tone", tag: "1", variables: $variables) { version messages }
}"""
LIST = "{ prompts { totalCount nodes { name newest labels { name version } } } }"


def ask(key: str, query: str, **variables: Any) -> Any:
    return GateClient().post("/graphql", {"query": query, "variables": variables}, key=key).json()


def code_of(body: Any) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def test_every_deed_of_a_user(organization: Organization) -> None:
    key = log_in(make_member(organization)).access

    made = ask(key, CREATE, input={"name": "tone", "messages": HELLO, "labels": ["a"]})
    added = ask(key, ADD, input={"messages": HELLO, "parameters": {"temperature": 0}})
    described = ask(key, DESCRIBE)
    labelled = ask(key, LABEL)
    read = ask(key, READ, variables={"name": "Ada"})["data"]
    wrong = ask(key, READ, variables=["Ada"])
    unlabelled = ask(key, UNLABEL)
    removed = ask(key, DELETE)

    assert made["data"]["createPrompt"]["prompt"] == {
        "name": "tone",
        "newest": 1,
        "revision": 1,
        "labels": [{"name": "a", "version": 1}],
    }
    assert added["data"]["addPromptVersion"]["version"] == {
        "version": 2,
        "messages": HELLO,
        "variables": ["name"],
    }
    assert described["data"]["describePrompt"]["prompt"] == {"description": "x"}
    assert labelled["data"]["setPromptLabel"]["prompt"]["labels"] == [
        {"name": "a", "version": 1},
        {"name": "production", "version": 1},
    ]
    assert read["prompt"] == {"newest": 2}
    assert read["promptVersion"] == {"messages": HELLO}
    assert read["promptVersions"] == {"nodes": [{"version": 2}, {"version": 1}]}
    assert read["promptDifference"]["parameters"] == {"temperature": {"before": None, "after": 0}}
    assert read["renderedPrompt"] == {
        "version": 1,
        "messages": [{"role": "system", "content": "Hello Ada."}],
    }
    assert code_of(wrong) == "INVALID"
    assert unlabelled["data"]["removePromptLabel"]["prompt"] == {"labels": [{"name": "a"}]}
    assert removed["data"] == {"deletePrompt": {"name": "tone"}}


def test_a_list_holds_ours_alone_and_costs_the_same(
    organization: Organization, other: Organization
) -> None:
    make_prompt(other, labels={"production": 1})
    make_prompt(organization, name="tone", labels={"production": 1})
    key = log_in(make_member(organization, Role.VIEWER)).access
    short = ask(key, LIST)["data"]["prompts"]
    with CaptureQueriesContext(connection) as few:
        ask(key, LIST)
    for _ in range(2):
        make_prompt(organization, "a", "b", labels={"production": 2, "staging": 1})
    with CaptureQueriesContext(connection) as many:
        long = ask(key, LIST)["data"]["prompts"]

    label = {"name": "production", "version": 1}
    assert short == {"totalCount": 1, "nodes": [{"name": "tone", "newest": 1, "labels": [label]}]}
    assert long["totalCount"] == 3
    assert len(many) == len(few)


def test_deeds_refuse_who_may_not_and_strangers(
    organization: Organization, other: Organization
) -> None:
    make_prompt(organization, name="tone", labels={"production": 1})
    deeds: list[tuple[str, dict[str, Any]]] = [
        (ADD, {"input": {"messages": HELLO}}),
        (DESCRIBE, {}),
        (LABEL, {}),
        (UNLABEL, {}),
        (DELETE, {}),
    ]
    viewer = log_in(make_member(organization, Role.VIEWER)).access
    stranger = log_in(make_member(other)).access

    assert {code_of(ask(viewer, deed, **values)) for deed, values in deeds} == {"DENIED"}
    assert {code_of(ask(stranger, deed, **values)) for deed, values in deeds} == {"NOT_FOUND"}
