"""What calls cost: whole billionths of a dollar, rounded up once for each call. Pure."""

from __future__ import annotations

from apps.providers.domain.calls import Usage
from apps.providers.domain.tables import Price

MILLION = 1_000_000


def cost_of(price: Price, usage: Usage) -> int:
    """Tokens from the upstream's cache cost their own price where one is set."""
    cached = usage.cached_tokens if price.cached_input is not None else 0
    total = (usage.prompt_tokens - cached) * price.input + usage.completion_tokens * price.output
    total += cached * (price.cached_input or 0)
    return -(-total // MILLION)


def bound_cost(price: Price, prompt_tokens: int, completion_tokens: int) -> int:
    """The most that so many tokens cost."""
    dearest = max(price.input, price.cached_input or 0)
    return -(-(prompt_tokens * dearest + completion_tokens * price.output) // MILLION)
