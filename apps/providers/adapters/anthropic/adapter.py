"""Anthropic: a header for the key and one for the version; a bound on tokens always."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from apps.core import json
from apps.providers.adapters import refusals, wire
from apps.providers.adapters.anthropic import messages
from apps.providers.adapters.openai_wire.adapter import MISLEADING
from apps.providers.adapters.protocol import DiscoveredModel, UpstreamRequest
from apps.providers.domain.calls import Answer, Refusal, UpstreamCall
from apps.providers.domain.dialects.openai_requests import DEFAULT_MAX_TOKENS
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Dialect, Operation, ProviderKind

VERSION = "2023-06-01"
OVERFLOW = refusals.words(
    "prompt is too long",
    "exceed context limit",
    "context window",
    "input is too long",
    "maximum context length",
)


class Anthropic:
    kind: ClassVar = ProviderKind.ANTHROPIC
    dialect: ClassVar = Dialect.ANTHROPIC
    operations: ClassVar = frozenset({Operation.CHAT})
    default_base_url: ClassVar = "https://api.anthropic.com"
    needs_credential: ClassVar = True

    def request(self, call: UpstreamCall, provider: ProviderView) -> UpstreamRequest:
        body = {**call.body, "model": call.model}
        for name in MISLEADING & body.keys():
            del body[name]
        body.setdefault("max_tokens", DEFAULT_MAX_TOKENS)
        if call.is_stream:
            body["stream"] = True
        else:
            body.pop("stream", None)
        kind = wire.STREAM_HEADERS if call.is_stream else wire.JSON_HEADERS
        headers = {**kind, **self._headers(provider)}
        return UpstreamRequest("POST", self._url("/messages", provider), headers, json.dumps(body))

    def answer(self, call: UpstreamCall, body: bytes) -> Answer:
        return messages.read(body, OVERFLOW)

    def events(self, call: UpstreamCall) -> messages.MessagesReader:
        return messages.MessagesReader(OVERFLOW)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        return refusals.read(status, headers, body, overflow=OVERFLOW)

    def models_request(self, provider: ProviderView) -> UpstreamRequest:
        headers = {"accept": "application/json", **self._headers(provider)}
        return UpstreamRequest("GET", self._url("/models?limit=1000", provider), headers)

    def models(self, body: bytes) -> list[DiscoveredModel]:
        listed = wire.read_list(wire.read_object(body).get("data"), "data")
        return [
            DiscoveredModel(name, wire.count(model.get("max_input_tokens")), _details_of(model))
            for model in listed
            if isinstance(name := model.get("id"), str) and name
        ]

    def _url(self, path: str, provider: ProviderView) -> str:
        base_url = provider.base_url or self.default_base_url
        return f"{wire.root_of(base_url, '', '/v1')}/v1{path}"

    def _headers(self, provider: ProviderView) -> dict[str, str]:
        headers = {"anthropic-version": str(provider.options.get("version") or VERSION)}
        if provider.credential:
            headers["x-api-key"] = provider.credential
        return headers


def _details_of(model: dict[str, object]) -> dict[str, str]:
    shown = model.get("display_name")
    return {"display_name": shown} if isinstance(shown, str) else {}


ADAPTER = Anthropic()
