"""The adapter of everybody who speaks OpenAI's language. A kind's own folder holds only what it does differently."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from apps.core import json
from apps.providers.adapters import refusals, wire
from apps.providers.adapters.openai_wire import answers, stream
from apps.providers.adapters.protocol import DiscoveredModel, EventReader, UpstreamRequest
from apps.providers.domain.calls import Answer, Refusal, UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Dialect, Operation, ProviderKind

PATHS: Mapping[Operation, str] = {
    Operation.CHAT: "/chat/completions",
    Operation.COMPLETION: "/completions",
    Operation.EMBEDDINGS: "/embeddings",
    Operation.IMAGES: "/images/generations",
}
STREAMED = frozenset({Operation.CHAT, Operation.COMPLETION})
# Words that some clients let a caller put beside the question, to send it elsewhere. A server that believes them would
# be led by our caller; they go no further.
MISLEADING = frozenset(
    {"api_base", "api_key", "api_type", "api_version", "base_url", "extra_headers", "headers", "organization", "proxies", "proxy"}
)  # fmt: skip
OVERFLOW = refusals.words(
    "context_length_exceeded",
    "maximum context length",
    "maximum model length",
    "exceeds? the model'?s? (?:maximum )?context",
    "longer than the (?:maximum )?(?:model|context)",
    "input tokens exceed",
    "exceed_context_size_error",
    "exceeds? (?:the )?available context",
    "exceeds? the context (?:length|window|size|limit)",
    "context (?:length|window) (?:is )?exceeded",
    "prompt is too long",
    "`inputs` (?:must have less than|tokens \\+ `max_new_tokens` must be)",
)
"""The words of all: behind an address that is merely compatible anybody may answer."""


class OpenAIWire:
    kind: ClassVar[ProviderKind]
    dialect: ClassVar[Dialect] = Dialect.OPENAI
    operations: ClassVar[frozenset[Operation]] = frozenset(
        {Operation.CHAT, Operation.COMPLETION, Operation.EMBEDDINGS}
    )
    default_base_url: ClassVar[str] = ""
    needs_credential: ClassVar[bool] = False
    overflow: ClassVar[re.Pattern[str]] = OVERFLOW
    context_names: ClassVar[tuple[str, ...]] = ()
    """Where a listed model tells its context size."""
    done_is_optional: ClassVar[bool] = False
    """Whether a stream may end behind its finish reason without `[DONE]`."""

    def request(self, call: UpstreamCall, provider: ProviderView) -> UpstreamRequest:
        body = {**call.body, "model": call.model}
        for name in MISLEADING & body.keys():
            del body[name]
        self._set_stream(body, call)
        self.adapt(body, call)
        return UpstreamRequest(
            "POST",
            self.url(PATHS[call.operation], call.model, provider),
            {
                **(wire.STREAM_HEADERS if call.is_stream else wire.JSON_HEADERS),
                **self.credentials(provider),
            },
            json.dumps(body),
        )

    def adapt(self, body: dict[str, Any], call: UpstreamCall) -> None:
        """What this kind wants said differently."""

    def url(self, path: str, model: str, provider: ProviderView) -> str:
        return wire.root_of(provider.base_url or self.default_base_url, "/v1") + path

    def credentials(self, provider: ProviderView) -> dict[str, str]:
        return {"authorization": f"Bearer {provider.credential}"} if provider.credential else {}

    def answer(self, call: UpstreamCall, body: bytes) -> Answer:
        return answers.read(call.operation, body, self.overflow)

    def events(self, call: UpstreamCall) -> EventReader:
        return stream.OpenAIReader(
            call.operation, self.overflow, done_is_optional=self.done_is_optional
        )

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        return refusals.read(status, headers, body, overflow=self.overflow)

    def models_request(self, provider: ProviderView) -> UpstreamRequest:
        headers = {"accept": "application/json", **self.credentials(provider)}
        return UpstreamRequest("GET", self.url("/models", "", provider), headers)

    def models(self, body: bytes) -> list[DiscoveredModel]:
        listed = wire.read_list(wire.read_object(body).get("data"), "data")
        return [
            DiscoveredModel(name, self._context_of(model), self._details_of(model))
            for model in listed
            if isinstance(name := model.get("id"), str) and name
        ]

    def _context_of(self, model: dict[str, Any]) -> int | None:
        meta = model.get("meta")
        holders = [model, meta] if isinstance(meta, dict) else [model]
        found = (wire.count(holder.get(name)) for name in self.context_names for holder in holders)
        return next((size for size in found if size), None)

    def _details_of(self, model: dict[str, Any]) -> dict[str, Any]:
        return {"owned_by": owner} if isinstance(owner := model.get("owned_by"), str) else {}

    def _set_stream(self, body: dict[str, Any], call: UpstreamCall) -> None:
        if not call.is_stream or call.operation not in STREAMED:
            body.pop("stream", None)
            body.pop("stream_options", None)
            return
        body["stream"] = True
        options = body.get("stream_options")
        # Asked for whatever the caller wants: without it the call would be booked by an estimate.
        body["stream_options"] = {
            **(options if isinstance(options, dict) else {}),
            "include_usage": True,
        }
