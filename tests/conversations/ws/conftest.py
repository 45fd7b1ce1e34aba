"""The same house as the engine's tests."""

from __future__ import annotations

from tests.conversations.generations.conftest import house, llm, llm_server, records, talk, tokens

__all__ = ["house", "llm", "llm_server", "records", "talk", "tokens"]
