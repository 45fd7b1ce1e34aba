"""vLLM: tells each model's length, and a prompt too long in its own words."""

from __future__ import annotations

from typing import ClassVar

from apps.providers.adapters import refusals
from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.enums import ProviderKind


class VLLM(OpenAIWire):
    kind: ClassVar = ProviderKind.VLLM
    context_names: ClassVar = ("max_model_len",)
    overflow: ClassVar = refusals.words(
        "maximum context length",
        "longer than the maximum model length",
        "exceeds? the model'?s? (?:maximum|context)",
        "maximum (?:input|model) length",
    )


ADAPTER = VLLM()
