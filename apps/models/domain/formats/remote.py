"""Remote models: `{"type": "remote", "protocol": "kserve-v2"|"mlflow", "url"}`, the address of a server that scores.

Whether the address may be called is judged by the service, at registering, and again at each call by the guard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.models.domain.formats.description import Description
from apps.models.enums import Format
from apps.models.errors import BrokenArtifact

PROTOCOLS: Final = ("kserve-v2", "mlflow")
WORDS: Final = frozenset({"type", "protocol", "url", "model"})
LONGEST = 2000


def describe(document: Mapping[str, Any]) -> Description:
    """Raises `BrokenArtifact`."""
    unknown = sorted(set(document) - WORDS)
    if unknown:
        raise BrokenArtifact(f"describes a remote model with an unknown word: {unknown[0][:60]}")
    if document.get("protocol") not in PROTOCOLS:
        raise BrokenArtifact(
            f"describes a remote model whose protocol is none of: {', '.join(PROTOCOLS)}"
        )
    url, model = document.get("url"), document.get("model", "")
    if not isinstance(url, str) or not 0 < len(url) <= LONGEST:
        raise BrokenArtifact("describes a remote model without a url")
    if not isinstance(model, str) or len(model) > 200:
        raise BrokenArtifact("describes a remote model whose model is no name")
    details = {"protocol": document["protocol"], "url": url, "model": model}
    return Description(format=Format.REMOTE, task="", details=details)
