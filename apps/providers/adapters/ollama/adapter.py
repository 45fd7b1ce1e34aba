"""Ollama: `/api/chat`, `/api/generate`, `/api/embed`, streams as lines of JSON, `/api/tags`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from apps.core import json
from apps.providers.adapters import refusals, wire
from apps.providers.adapters.ollama import answers, requests
from apps.providers.adapters.protocol import DiscoveredModel, UpstreamRequest
from apps.providers.domain.calls import Answer, Refusal, UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Dialect, Operation, ProviderKind

OVERFLOW = refusals.words(
    "exceeds (?:the )?(?:maximum )?context length",
    "exceeds the (?:available )?context",
    "prompt (?:is )?too long",
    "input length exceeds",
)
PATHS = {
    Operation.CHAT: "/api/chat",
    Operation.COMPLETION: "/api/generate",
    Operation.EMBEDDINGS: "/api/embed",
}


class Ollama:
    kind: ClassVar = ProviderKind.OLLAMA
    dialect: ClassVar = Dialect.OPENAI
    operations: ClassVar = frozenset(PATHS)
    default_base_url: ClassVar = ""
    needs_credential: ClassVar = False

    def request(self, call: UpstreamCall, provider: ProviderView) -> UpstreamRequest:
        make = {
            Operation.CHAT: requests.chat,
            Operation.COMPLETION: requests.generate,
            Operation.EMBEDDINGS: requests.embed,
        }[call.operation]
        return UpstreamRequest(
            "POST",
            self._url(PATHS[call.operation], provider),
            {
                "content-type": "application/json",
                "accept": "application/x-ndjson" if call.is_stream else "application/json",
                **self._credentials(provider),
            },
            json.dumps(make(call)),
        )

    def answer(self, call: UpstreamCall, body: bytes) -> Answer:
        return answers.whole(wire.read_object(body), call, OVERFLOW)

    def events(self, call: UpstreamCall) -> answers.OllamaReader:
        return answers.OllamaReader(call, OVERFLOW)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        return refusals.read(status, headers, body, overflow=OVERFLOW)

    def models_request(self, provider: ProviderView) -> UpstreamRequest:
        headers = {"accept": "application/json", **self._credentials(provider)}
        return UpstreamRequest("GET", self._url("/api/tags", provider), headers)

    def models(self, body: bytes) -> list[DiscoveredModel]:
        listed = wire.read_list(wire.read_object(body).get("models"), "models")
        return [
            DiscoveredModel(name, details=_details_of(model))
            for model in listed
            if isinstance(name := model.get("name") or model.get("model"), str) and name
        ]

    def _url(self, path: str, provider: ProviderView) -> str:
        return wire.root_of(provider.base_url, "", "/v1", "/api") + path

    def _credentials(self, provider: ProviderView) -> dict[str, str]:
        """It asks for none itself; a server before it may."""
        return {"authorization": f"Bearer {provider.credential}"} if provider.credential else {}


def _details_of(model: dict[str, Any]) -> dict[str, Any]:
    details = model.get("details")
    known = details if isinstance(details, dict) else {}
    return {
        name: value
        for name in ("family", "parameter_size", "quantization_level")
        if isinstance(value := known.get(name), str) and value
    }


ADAPTER = Ollama()
