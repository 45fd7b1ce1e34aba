"""The local model, as an adapter: llama.cpp's words. Address and key are known to its transport alone."""

from __future__ import annotations

from typing import ClassVar

from apps.providers.adapters.llama_cpp.adapter import LlamaCpp
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Operation, ProviderKind


class Local(LlamaCpp):
    kind: ClassVar = ProviderKind.LOCAL
    operations: ClassVar = frozenset({Operation.CHAT, Operation.COMPLETION})
    default_base_url: ClassVar = "http://local.invalid/v1"

    def url(self, path: str, model: str, provider: ProviderView) -> str:
        return self.default_base_url + path

    def credentials(self, provider: ProviderView) -> dict[str, str]:
        return {}


ADAPTER = Local()
