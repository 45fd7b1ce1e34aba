"""How a simulated answer is to come out: from the provider's options, and from `simulated` in a call's body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

OPTIONS_HEADER = "x-simulated-options"


@dataclass(frozen=True, slots=True)
class Settings:
    seed: int = 0
    first_token_ms: float = 0
    tokens_per_second: float = 0
    """0: as fast as it goes."""
    error_rate: float = 0
    """Share of calls that fail with 500."""
    completion_tokens: int = 0
    """0: a length made up from the question."""
    status: int = 0
    """An error status to answer with, every time."""
    retry_after: float = 0
    """Seconds, told with that status."""
    cut_after: int = 0
    """Tokens after which a stream breaks off; 0 is never."""
    dimensions: int = 64
    """Of embeddings."""

    @property
    def token_seconds(self) -> float:
        return 1 / self.tokens_per_second if self.tokens_per_second > 0 else 0.0


_BOUNDS: Mapping[str, tuple[float, float]] = {
    "seed": (-(2**53), 2**53),
    "first_token_ms": (0, 600_000),
    "tokens_per_second": (0, 1_000_000),
    "error_rate": (0, 1),
    "completion_tokens": (0, 20_000),
    "status": (400, 599),
    "retry_after": (0, 86_400),
    "cut_after": (0, 20_000),
    "dimensions": (1, 4096),
}


def read_settings(options: Any, extension: Any) -> Settings:
    """What is asked for, the call's own word first. Values that make no sense are left at their defaults."""
    chosen: dict[str, Any] = {}
    for source in (options, extension):
        if isinstance(source, Mapping):
            chosen.update(_sensible(source))
    return Settings(**chosen)


def _sensible(source: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(Settings):
        value = source.get(field.name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            continue
        low, high = _BOUNDS[field.name]
        if low <= value <= high:
            found[field.name] = int(value) if field.type == "int" else float(value)
    return found
