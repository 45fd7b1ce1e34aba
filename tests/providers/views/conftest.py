"""The gateway's fixtures serve its doors too."""

from __future__ import annotations

from tests.providers.gateway.conftest import house, records, tokens

__all__ = ["house", "records", "tokens"]
