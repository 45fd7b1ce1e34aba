"""How much was predicted by a model since it is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Sum

from apps.models.models import PredictionHour


@dataclass(frozen=True, slots=True)
class Totals:
    total: int = 0
    last_at: datetime | None = None


def totals(model_key: int) -> Totals:
    """Of one model, for who has read it already."""
    return totals_of([model_key])[model_key]


def totals_of(keys: Iterable[int]) -> dict[int, Totals]:
    """By model, each with an answer; one query."""
    wanted = list(keys)
    rows = PredictionHour.objects.filter(model_key__in=wanted).order_by()
    sums = rows.values_list("model_key").annotate(Sum("predictions"), Max("last_at"))
    found = {key: Totals(total, last_at) for key, total, last_at in sums}
    return {key: found.get(key, Totals()) for key in wanted}
