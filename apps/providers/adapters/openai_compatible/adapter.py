"""Any server that says it speaks OpenAI's language: forgiving where such servers are known to differ."""

from __future__ import annotations

from typing import ClassVar

from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.enums import Operation, ProviderKind


class OpenAICompatible(OpenAIWire):
    kind: ClassVar = ProviderKind.OPENAI_COMPATIBLE
    operations: ClassVar = frozenset(Operation)
    context_names: ClassVar = (
        "context_length",
        "max_model_len",
        "context_window",
        "max_context_length",
    )
    done_is_optional: ClassVar = True


ADAPTER = OpenAICompatible()
