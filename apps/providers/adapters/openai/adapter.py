"""OpenAI itself: organisation and project headers, and the newer name of the bound on tokens."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.domain.calls import UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Operation, ProviderKind

_REASONING = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d))")
"""Models that refuse `max_tokens`: there it would have to count what they think, too."""


class OpenAI(OpenAIWire):
    kind: ClassVar = ProviderKind.OPENAI
    operations: ClassVar = frozenset(Operation)
    default_base_url: ClassVar = "https://api.openai.com/v1"
    needs_credential: ClassVar = True

    def adapt(self, body: dict[str, Any], call: UpstreamCall) -> None:
        rename_bound(body, call)

    def credentials(self, provider: ProviderView) -> dict[str, str]:
        headers = super().credentials(provider)
        for option in ("organization", "project"):
            if value := provider.options.get(option):
                headers[f"openai-{option}"] = str(value)
        return headers


def rename_bound(body: dict[str, Any], call: UpstreamCall) -> None:
    """`max_tokens` under the name that this model takes."""
    is_asked = call.operation is Operation.CHAT and "max_tokens" in body
    if is_asked and _REASONING.match(call.model):
        bound = body.pop("max_tokens")
        body.setdefault("max_completion_tokens", bound)


ADAPTER = OpenAI()
