"""Writes apps/providers/domain/prices.json from the package genai-prices (MIT): what models cost, and how much they read.

A file of our own, because the package brings an HTTP client and 30 MB of memory for what is looked up when a deployment
is made. Where a price has tiers, the first counts; where it changes with the hour, the dearest.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data_snapshot import get_snapshot

FILE = Path(__file__).resolve().parents[2] / "apps" / "providers" / "domain" / "prices.json"
PROVIDERS = (
    "openai", "anthropic", "google", "azure", "cerebras", "cohere", "deepseek", "fireworks", "groq", "mistral",
    "moonshotai", "perplexity", "together", "x-ai",
)  # fmt: skip
WORDS = {
    types.ClauseEquals: ("is", "equals"),
    types.ClauseStartsWith: ("starts", "starts_with"),
    types.ClauseEndsWith: ("ends", "ends_with"),
    types.ClauseContains: ("holds", "contains"),
    types.ClauseRegex: ("regex", "regex"),
}


def main() -> int:
    known = {provider.id: provider for provider in get_snapshot().providers}
    table = {
        name: {"address": known[name].api_pattern, "models": models_of(known[name])}
        for name in PROVIDERS
    }
    lines = [
        f'{json.dumps(name)}: {{\n "address": {json.dumps(provider["address"])},\n "models": [\n  '
        + ",\n  ".join(json.dumps(model, separators=(",", ":")) for model in provider["models"])
        + "\n ]\n}"
        for name, provider in table.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


def models_of(provider: Any) -> list[dict[str, Any]]:
    models = []
    for model in provider.models:
        price = price_of(model.prices)
        prices = [dollars(getattr(price, name, None)) for name in NAMES]
        if prices[0] is None and prices[1] is None:
            continue
        models.append(
            {"match": match_of(model.match), "price": prices, "context": model.context_window}
        )
    return models


NAMES = ("input_mtok", "output_mtok", "cache_read_mtok")


def price_of(prices: Any) -> Any:
    if not isinstance(prices, list):
        return prices
    today = dt.datetime.now(tz=dt.UTC).date()
    begun = [
        one
        for one in prices
        if not isinstance(one.constraint, types.StartDateConstraint)
        or one.constraint.start_date <= today
    ]
    dated = [one for one in begun if isinstance(one.constraint, types.StartDateConstraint)]
    if dated:
        return max(dated, key=lambda one: one.constraint.start_date).prices
    return max(
        begun, key=lambda one: Decimal(dollars(getattr(one.prices, "output_mtok", None)) or 0)
    ).prices


def dollars(price: Any) -> str | None:
    """For a million tokens."""
    if isinstance(price, types.TieredPrices):
        price = price.base
    return None if price is None else format(Decimal(price), "f")


def match_of(match: Any) -> list[Any]:
    if isinstance(match, types.ClauseOr):
        return ["or", *map(match_of, match.or_)]
    if isinstance(match, types.ClauseAnd):
        return ["and", *map(match_of, match.and_)]
    word, field = WORDS[type(match)]
    return [word, getattr(match, field)]


if __name__ == "__main__":
    sys.exit(main())
