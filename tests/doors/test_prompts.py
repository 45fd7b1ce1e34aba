"""REST: the prompt registry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from apps.providers.permissions import ProvidersPermission
from tests.client import Answer
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.providers import make_prompt

VIEW, MANAGE = ProvidersPermission.PROMPT_VIEW, ProvidersPermission.PROMPT_MANAGE
VERSION: dict[str, Any] = {
    "messages": [{"role": "system", "content": "Hello\n{{name}}."}],
    "parameters": {"temperature": 0},
    "note": "first",
    "labels": ["staging"],
}
WRONG: dict[str, list[Any]] = {
    "name": ["", "a/b", "a@b", "a" * 101],
    "messages": [
        [],
        [{}],
        [{"role": "king", "content": "x"}],
        [{"role": "user", "content": 7}],
        [{"role": "user", "content": "{{"}],
        [{"role": "user", "content": "x", "y": 1}],
    ],
    "parameters": [{"model": "x"}],
    "note": ["a" * 501, "a\u202eb"],
    "labels": [["latest"], ["A"], [7]],
}
ONE = "/api/v1/prompts/{id}"


class TestPrompts(RestDoor):
    calls = (
        Listing("GET", "/api/v1/prompts", VIEW),
        Call(
            "POST",
            "/api/v1/prompts",
            MANAGE,
            body={"name": "tone", "description": "How we speak", **VERSION},
            status=201,
            wrong=WRONG,
        ),
        Call("GET", ONE, VIEW),
        Call("PATCH", ONE, MANAGE, body={"description": "New"}, has_revision=True),
        Call("DELETE", ONE, MANAGE, status=204),
        Call("GET", f"{ONE}/versions", VIEW),
        Call("POST", f"{ONE}/versions", MANAGE, body=VERSION, status=201, wrong=WRONG),
        Call("GET", f"{ONE}/versions/{{tag}}", VIEW),
        Call("GET", f"{ONE}/diff", VIEW),
        Call(
            "POST",
            f"{ONE}/render",
            VIEW,
            body={"tag": "production", "variables": {"who": "Ada"}},
            wrong={"variables": [{"whom": "Ada"}, {"who": []}]},
        ),
        Call(
            "PUT",
            f"{ONE}/labels",
            MANAGE,
            body={"label": "staging", "version": 1},
            has_revision=True,
            wrong={"label": ["latest", "A", ""], "version": [9]},
        ),
        Call("DELETE", f"{ONE}/labels/{{label}}", MANAGE),
    )

    def make(self, place: Place) -> str:
        prompt = make_prompt(place.organization, labels={"production": 1})
        return str(prompt.public_id)

    def send(self, client: Any, call: Call, place: Place, **changes: Any) -> Answer:
        path = call.path.replace("{tag}", "1").replace("{label}", "production")
        path += "?from=1" if path.endswith("/diff") else ""
        return super().send(client, replace(call, path=path), place, **changes)
