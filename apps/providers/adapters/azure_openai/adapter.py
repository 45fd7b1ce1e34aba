"""Azure: the deployment stands in the path and the version in the query, unless the address is that of the newer API."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

from apps.providers.adapters import wire
from apps.providers.adapters.openai.adapter import rename_bound
from apps.providers.adapters.openai_wire.adapter import OpenAIWire
from apps.providers.domain.calls import UpstreamCall
from apps.providers.domain.tables import ProviderView
from apps.providers.enums import Operation, ProviderKind

API_VERSION = "2024-10-21"
"""The last dated one that is generally available; it tells usage in streams."""
NEWER = "/openai/v1"


class AzureOpenAI(OpenAIWire):
    kind: ClassVar = ProviderKind.AZURE_OPENAI
    operations: ClassVar = frozenset(Operation)
    needs_credential: ClassVar = True

    def adapt(self, body: dict[str, Any], call: UpstreamCall) -> None:
        rename_bound(body, call)

    def url(self, path: str, model: str, provider: ProviderView) -> str:
        root = wire.root_of(provider.base_url, "")
        version = provider.options.get("api_version")
        if root.endswith(NEWER):
            return f"{root}{path}?api-version={quote(str(version))}" if version else root + path
        place = root.removesuffix("/openai") + "/openai"
        if model:
            place += f"/deployments/{quote(model, safe='')}"
        return f"{place}{path}?api-version={quote(str(version or API_VERSION))}"

    def credentials(self, provider: ProviderView) -> dict[str, str]:
        return {"api-key": provider.credential} if provider.credential else {}


ADAPTER = AzureOpenAI()
