"""What well-known models cost and how much they read, for whoever makes a deployment and names no price.

Read from a file of ours (`scripts/setup/prices.py` writes it) with the first question, and not kept: it is asked for
when somebody makes a deployment, not by calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from apps.providers.domain.tables import Price
from apps.providers.enums import ProviderKind

FILE = Path(__file__).with_name("prices.json")
NANO = 10**9
TABLES = {
    ProviderKind.OPENAI: ("openai",),
    ProviderKind.ANTHROPIC: ("anthropic",),
    ProviderKind.GEMINI: ("google",),
    ProviderKind.AZURE_OPENAI: ("azure", "openai"),
}
BY_ADDRESS = ProviderKind.OPENAI_COMPATIBLE
"""Of these the address tells whose they are."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    price: Price
    context_tokens: int | None


def find_known(kind: ProviderKind, model: str, base_url: str = "") -> KnownModel | None:
    """None where nobody knows, or where a model runs on somebody's own machine and costs nothing by the token."""
    if kind not in TABLES and kind is not BY_ADDRESS:
        return None
    providers = orjson.loads(FILE.read_bytes())
    names = TABLES.get(kind) or [
        name for name, provider in providers.items() if re.match(provider["address"], base_url)
    ]
    name = model.removeprefix("models/").lower()
    for provider in names:
        for known in providers[provider]["models"]:
            if _matches(known["match"], name):
                return KnownModel(_price(known["price"]), known["context"])
    return None


def _matches(match: list[Any], name: str) -> bool:
    word, *rest = match
    match word:
        case "or":
            return any(_matches(one, name) for one in rest)
        case "and":
            return all(_matches(one, name) for one in rest)
        case "is":
            return bool(name == rest[0].lower())
        case "starts":
            return name.startswith(rest[0].lower())
        case "ends":
            return name.endswith(rest[0].lower())
        case "holds":
            return rest[0].lower() in name
        case "regex":
            return re.search(rest[0], name) is not None
    raise ValueError(f"no such match: {word}")


def _price(prices: list[str | None]) -> Price:
    given, made, cached = (None if one is None else int(Decimal(one) * NANO) for one in prices)
    return Price(given or 0, made or 0, cached)
