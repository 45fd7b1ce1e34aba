"""SGLang: tells each model's length, and a prompt too long in its own words."""

from __future__ import annotations

from typing import ClassVar

from apps.providers.adapters import refusals
from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.enums import ProviderKind


class SGLang(OpenAIWire):
    kind: ClassVar = ProviderKind.SGLANG
    context_names: ClassVar = ("max_model_len",)
    overflow: ClassVar = refusals.words(
        "longer than the model'?s context length",
        "exceeds? the model'?s maximum context length",
        "maximum (?:allowed|context) length",
        "is too long",
    )


ADAPTER = SGLang()
