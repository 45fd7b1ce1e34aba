"""llama.cpp's server: the older name of the bound on tokens, and its own word for a prompt too long."""

from __future__ import annotations

from typing import Any, ClassVar

from apps.providers.adapters import refusals
from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.domain.calls import UpstreamCall
from apps.providers.enums import ProviderKind


class LlamaCpp(OpenAIWire):
    kind: ClassVar = ProviderKind.LLAMA_CPP
    context_names: ClassVar = ("n_ctx", "n_ctx_train")
    overflow: ClassVar = refusals.words(
        "exceed_context_size_error",
        "exceeds the available context size",
        "input is too large to process",
        "context size has been exceeded",
        "(?:larger|longer) than the (?:max )?context size",
    )

    def adapt(self, body: dict[str, Any], call: UpstreamCall) -> None:
        use_older_bound(body)


def use_older_bound(body: dict[str, Any]) -> None:
    """Servers of older versions know `max_tokens` alone, and would run on without it."""
    if (bound := body.pop("max_completion_tokens", None)) is not None:
        body["max_tokens"] = bound


ADAPTER = LlamaCpp()
