"""What the REST doors of the prompt registry answer."""

from __future__ import annotations

import pytest

from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.providers import make_prompt
from tests.factories.tenants import log_in, make_member

pytestmark = pytest.mark.integration
AT = "/api/v1/prompts/tone"


def test_the_life_of_a_prompt(organization: Organization, other: Organization) -> None:
    """Any user of the organization may write prompts."""
    make_prompt(other, *("?" * 9), name="tone", labels={"production": 9})
    member = make_member(organization)
    key, client = log_in(member).access, GateClient()
    first = [{"role": "system", "content": "Hello\n{{name}}, you are {{age}}."}]
    second = [{"role": "system", "content": "Bye\n{{name}}."}]

    made = client.post(
        "/api/v1/prompts", {"name": "tone", "messages": first, "labels": ["production"]}, key=key
    )
    added = client.post(f"{AT}/versions", {"messages": second, "note": "shorter"}, key=key)
    listed = client.get(f"{AT}/versions", key=key).json()
    labelled = client.get(f"{AT}/versions/production", key=key).json()
    difference = client.get(f"{AT}/diff?from=1", key=key).json()
    body = {"tag": "production", "variables": {"name": "{{x}}", "age": 7}}
    rendered = client.post(f"{AT}/render", body, key=key).json()
    missing = client.post(f"{AT}/render", {"tag": "1", "variables": {"who": 1}}, key=key)
    moved = client.put(f"{AT}/labels", {"label": "production", "version": 2}, key=key).json()
    emptied = client.delete(f"{AT}/labels/production", key=key).json()
    removed = client.delete(AT, key=key, headers={"If-Match": f'"r{emptied["revision"]}"'})

    assert made.status == 201
    assert {name: made.json()[name] for name in ("newest", "labels", "revision")} == {
        "newest": 1,
        "labels": {"production": 1},
        "revision": 1,
    }
    assert (added.status, added.json()["version"], added.json()["variables"]) == (201, 2, ["name"])
    assert added.json()["created_by"] == member.user.public_id
    assert [(row["version"], row["note"]) for row in listed["data"]] == [(2, "shorter"), (1, "")]
    assert (labelled["version"], labelled["messages"]) == (1, first)
    assert (difference["from"], difference["to"]) == (1, 2)
    assert difference["variables_removed"] == ["age"]
    assert rendered == {
        "version": 1,
        "messages": [{"role": "system", "content": "Hello\n{{x}}, you are 7."}],
        "parameters": {},
    }
    assert (missing.status, missing.json()["invalid_fields"]) == (
        422,
        ["variables.name", "variables.age", "variables.who"],
    )
    assert (moved["labels"], moved["newest"]) == ({"production": 2}, 2)
    assert emptied["labels"] == {}
    assert removed.status == 204


def test_a_version_that_is_not_there(organization: Organization) -> None:
    make_prompt(organization, name="tone")
    key, client = log_in(make_member(organization)).access, GateClient()

    for path in ("versions/2", "versions/nobody", "diff?from=1&to=9", "labels/nobody"):
        method = "DELETE" if path.startswith("labels") else "GET"
        assert client.call(method, f"{AT}/{path}", key=key).status == 404
    assert client.get(f"{AT}/diff", key=key).json()["invalid_fields"] == ["from"]
