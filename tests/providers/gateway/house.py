"""What the gateway's tests share: an organization, its deployments at the fake, and calls as a client makes them."""

from __future__ import annotations

import json
from typing import Any

from apps.providers.models import Deployment, Provider, Route
from tests.client import Answer, GateClient
from tests.doors.place import make_place
from tests.factories.doors import KnownTokens
from tests.factories.providers import make_deployment, make_provider, make_route
from tests.fakes.llm.running import FakeLLM, Seen

SECRET = "sk-fake-canary-0123456789"
HELLO = [{"role": "user", "content": "Hello"}]


class House:
    def __init__(self, tokens: KnownTokens, llm: FakeLLM, records: list[dict[str, Any]]) -> None:
        self.llm = llm
        self.records = records
        self.place = make_place(tokens)
        self.organization = self.place.organization
        self.client = GateClient()
        self._providers: dict[str, Provider] = {}

    def provider(self, kind: str = "openai_compatible", **values: Any) -> Provider:
        if kind not in self._providers or values:
            base = self.llm.root if kind == "anthropic" else self.llm.url
            given = {"name": kind, "kind": kind, "base_url": base, "credential": SECRET, **values}
            self._providers[kind] = make_provider(self.organization, **given)
        return self._providers[kind]

    def deployment(self, model: str, kind: str = "openai_compatible", **values: Any) -> Deployment:
        """A deployment of a model of the fake's, whose name says how it behaves."""
        return make_deployment(
            self.organization, provider=self.provider(kind), model=model, **values
        )

    def route(self, *models: str | Deployment, name: str = "m", **values: Any) -> Route:
        targets = [
            {"deployment": self.deployment(one) if isinstance(one, str) else one, "priority": index}
            for index, one in enumerate(models)
        ]
        return make_route(self.organization, name=name, targets=targets, **values)

    def chat(self, model: str = "m", *, then: str = "", **body: Any) -> Answer:
        headers = body.pop("headers", None)
        return self.post(
            "/v1/chat/completions",
            {"model": model, "messages": HELLO, **body},
            then=then,
            headers=headers,
        )

    def post(self, path: str, body: Any, **kwargs: Any) -> Answer:
        return self.client.post(path, body, key=self.place.key, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.client.get(path, key=self.place.key, **kwargs)

    @property
    def calls(self) -> list[Seen]:
        return self.llm.calls

    @property
    def record(self) -> dict[str, Any]:
        """Of the only call that was written down."""
        assert len(self.records) == 1, self.records
        return self.records[0]


def events(answer: Answer) -> list[Any]:
    """The events of a stream: parsed data, and the bare word for the end."""
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = []
    for block in answer.body.decode().split("\n\n"):
        lines = [
            line.removeprefix("data: ") for line in block.split("\n") if line.startswith("data: ")
        ]
        if lines:
            found.append(lines[0] if lines[0] == "[DONE]" else json.loads(lines[0]))
    return found


def text(parts: list[Any]) -> str:
    """What a stream's chunks say together."""
    return "".join(
        choice["delta"].get("content") or ""
        for part in parts
        if isinstance(part, dict)
        for choice in part.get("choices", ())
    )
