"""TGI: chats by the shared wire; completions by `/generate` and `/generate_stream`; one model, told by `/info`."""

from __future__ import annotations

from typing import Any, ClassVar

from apps.core import json
from apps.providers.adapters import refusals, wire
from apps.providers.adapters.llama_cpp.adapter import use_older_bound
from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.adapters.protocol import DiscoveredModel, EventReader, UpstreamRequest
from apps.providers.adapters.tgi import native
from apps.providers.domain.calls import Answer, UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Operation, ProviderKind
from apps.providers.errors import UpstreamInvalid


class TGI(OpenAIWire):
    kind: ClassVar = ProviderKind.TGI
    operations: ClassVar = frozenset({Operation.CHAT, Operation.COMPLETION})
    done_is_optional: ClassVar = True  # older versions ended a chat without it
    overflow: ClassVar = refusals.words(
        "`?inputs`? must have less than",
        "`?inputs`? tokens \\+ `?max_new_tokens`?",
        "maximum context length",
    )

    def request(self, call: UpstreamCall, provider: ProviderView) -> UpstreamRequest:
        if call.operation is not Operation.COMPLETION:
            return super().request(call, provider)
        path = "/generate_stream" if call.is_stream else "/generate"
        kind = wire.STREAM_HEADERS if call.is_stream else wire.JSON_HEADERS
        return UpstreamRequest(
            "POST",
            self._native(provider) + path,
            {**kind, **self.credentials(provider)},
            json.dumps(native.request(call)),
        )

    def adapt(self, body: dict[str, Any], call: UpstreamCall) -> None:
        use_older_bound(body)

    def answer(self, call: UpstreamCall, body: bytes) -> Answer:
        if call.operation is not Operation.COMPLETION:
            return super().answer(call, body)
        return native.whole(wire.read_object(body), call, self.overflow)

    def events(self, call: UpstreamCall) -> EventReader:
        if call.operation is not Operation.COMPLETION:
            return super().events(call)
        return native.TGIReader(call, self.overflow)

    def models_request(self, provider: ProviderView) -> UpstreamRequest:
        headers = {"accept": "application/json", **self.credentials(provider)}
        return UpstreamRequest("GET", f"{self._native(provider)}/info", headers)

    def models(self, body: bytes) -> list[DiscoveredModel]:
        info = wire.read_object(body)
        name = info.get("model_id")
        if not isinstance(name, str) or not name:
            raise UpstreamInvalid("The provider's answer has no readable 'model_id'.")
        details = {"version": version} if isinstance(version := info.get("version"), str) else {}
        return [DiscoveredModel(name, wire.count(info.get("max_total_tokens")), details)]

    def _native(self, provider: ProviderView) -> str:
        return wire.root_of(provider.base_url, "", "/v1")


ADAPTER = TGI()
