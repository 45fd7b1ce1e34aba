"""Known prices: whole numbers, found by a model's name, and nothing where nobody knows."""

from __future__ import annotations

import pytest

from apps.providers.domain.prices import KnownModel, find_known
from apps.providers.domain.tables import Price
from apps.providers.enums import ProviderKind

pytestmark = pytest.mark.unit
GPT_4O = KnownModel(Price(2_500_000_000, 10_000_000_000, 1_250_000_000), 128_000)


def test_known_model_has_a_price_in_billionths_and_a_context() -> None:
    assert find_known(ProviderKind.OPENAI, "gpt-4o") == GPT_4O
    assert find_known(ProviderKind.AZURE_OPENAI, "gpt-4o") == GPT_4O
    assert find_known(ProviderKind.ANTHROPIC, "claude-sonnet-4-5") == KnownModel(
        Price(3_000_000_000, 15_000_000_000, 300_000_000), 200_000
    )


def test_gemini_is_found_under_its_path_too() -> None:
    known = find_known(ProviderKind.GEMINI, "gemini-2.5-pro")

    assert known is not None
    assert find_known(ProviderKind.GEMINI, "models/gemini-2.5-pro") == known


def test_compatible_server_is_known_by_its_address_alone() -> None:
    kind = ProviderKind.OPENAI_COMPATIBLE

    assert find_known(kind, "deepseek-chat", "https://api.deepseek.com/v1") is not None
    assert find_known(kind, "deepseek-chat", "http://api.deepseek.com.evil.example/v1") is None
    assert find_known(kind, "deepseek-chat", "https://api.groq.com/openai/v1") is None


@pytest.mark.parametrize("kind", [ProviderKind.VLLM, ProviderKind.OLLAMA, ProviderKind.SIMULATED])
def test_own_machines_cost_nothing_that_we_know_of(kind: ProviderKind) -> None:
    assert find_known(kind, "gpt-4o") is None


def test_unknown_model_is_none() -> None:
    assert find_known(ProviderKind.OPENAI, "no-such-model") is None
