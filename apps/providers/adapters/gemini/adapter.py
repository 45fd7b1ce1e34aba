"""Gemini: the model and the verb in the path, the key in a header of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from apps.core import json
from apps.providers.adapters import refusals, wire
from apps.providers.adapters.gemini import answers, requests
from apps.providers.adapters.protocol import DiscoveredModel, UpstreamRequest
from apps.providers.domain.calls import Answer, Refusal, UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Dialect, Operation, ProviderKind

OVERFLOW = refusals.words(
    "input token count .{0,40}exceeds the maximum",
    "exceeds the maximum number of tokens allowed",
    "context (?:length|window)",
)


class Gemini:
    kind: ClassVar = ProviderKind.GEMINI
    dialect: ClassVar = Dialect.OPENAI
    operations: ClassVar = frozenset({Operation.CHAT, Operation.COMPLETION, Operation.EMBEDDINGS})
    default_base_url: ClassVar = "https://generativelanguage.googleapis.com"
    needs_credential: ClassVar = True

    def request(self, call: UpstreamCall, provider: ProviderView) -> UpstreamRequest:
        model = _named(call.model)
        if call.operation is Operation.EMBEDDINGS:
            verb, body = "batchEmbedContents", requests.embeddings(call.body, model)
        else:
            verb = "streamGenerateContent?alt=sse" if call.is_stream else "generateContent"
            body = requests.generation(call)
        headers = wire.STREAM_HEADERS if call.is_stream else wire.JSON_HEADERS
        return UpstreamRequest(
            "POST",
            f"{self._root(provider)}/{quote(model, safe='/')}:{verb}",
            {**headers, **self._credentials(provider)},
            json.dumps(body),
        )

    def answer(self, call: UpstreamCall, body: bytes) -> Answer:
        value = wire.read_object(body)
        if call.operation is Operation.EMBEDDINGS:
            return answers.embeddings(value, call)
        return answers.whole(value, call, OVERFLOW)

    def events(self, call: UpstreamCall) -> answers.GeminiReader:
        return answers.GeminiReader(call, OVERFLOW)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        refusal = refusals.read(status, headers, body, overflow=OVERFLOW)
        details = _details(body)
        if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
            refusal = replace(refusal, status=401)  # told as 400, as if the caller had erred
        if refusal.retry_after is None:
            waits = (refusals.read_duration(detail.get("retryDelay")) for detail in details)
            refusal = replace(
                refusal, retry_after=next((wait for wait in waits if wait is not None), None)
            )
        return refusal

    def models_request(self, provider: ProviderView) -> UpstreamRequest:
        headers = {"accept": "application/json", **self._credentials(provider)}
        return UpstreamRequest("GET", f"{self._root(provider)}/models?pageSize=1000", headers)

    def models(self, body: bytes) -> list[DiscoveredModel]:
        listed = wire.read_list(wire.read_object(body).get("models"), "models")
        return [
            DiscoveredModel(
                name.removeprefix("models/"),
                wire.count(model.get("inputTokenLimit")),
                {"max_output_tokens": most}
                if (most := wire.count(model.get("outputTokenLimit")))
                else {},
            )
            for model in listed
            if isinstance(name := model.get("name"), str) and name
        ]

    def _root(self, provider: ProviderView) -> str:
        return wire.root_of(provider.base_url or self.default_base_url, "", "/v1beta") + "/v1beta"

    def _credentials(self, provider: ProviderView) -> dict[str, str]:
        return {"x-goog-api-key": provider.credential} if provider.credential else {}


def _named(model: str) -> str:
    """`models/x`, or the path that the deployment names itself, as of a tuned model."""
    return model if "/" in model else f"models/{model}"


def _details(body: bytes) -> list[dict[str, Any]]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    if isinstance(value, list) and value:
        value = value[0]
    error = value.get("error") if isinstance(value, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return (
        [detail for detail in details or () if isinstance(detail, dict)]
        if isinstance(details, list)
        else []
    )


ADAPTER = Gemini()
