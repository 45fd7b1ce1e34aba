"""The simulated provider, as an adapter: OpenAI's words, with its options carried in a header to its own transport."""

from __future__ import annotations

from typing import ClassVar

from apps.core import json
from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.adapters.simulated.settings import OPTIONS_HEADER
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import ProviderKind


class Simulated(OpenAIWire):
    kind: ClassVar = ProviderKind.SIMULATED
    default_base_url: ClassVar = "http://simulated.invalid/v1"
    context_names: ClassVar = ("context_length",)

    def credentials(self, provider: ProviderView) -> dict[str, str]:
        return {OPTIONS_HEADER: json.dumps(dict(provider.options)).decode()}


ADAPTER = Simulated()
