"""Weights as the picture `components/shares.html` takes: one bar for each priority, as long as what stands in it.

Colour is kept for state, so parts differ by the strength of their ink; a deployment that rests or is disabled is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.console import deployment_rows

if TYPE_CHECKING:
    from apps.providers.models import Route

TONES = 4
"""Strengths of ink. How wide a part is (`fit`) says where its number has room within the bar."""


@dataclass(frozen=True, slots=True)
class Part:
    """One target. `lamp` is its health, as `lamp.html` takes it."""

    name: str
    weight: float
    priority: int = 0
    url: str = ""
    lamp: Mapping[str, Any] = field(default_factory=dict)


def parts_of(route: Route) -> list[Part]:
    return [
        Part(
            target.deployment.name,
            target.weight,
            target.priority,
            reverse("console:deployment", args=[target.deployment.public_id]),
            deployment_rows.lamp(target.deployment),
        )
        for target in route.targets.all()
    ]


def picture(parts: Iterable[Part], *, label: str = "", is_small: bool = False) -> dict[str, Any]:
    ordered = sorted(parts, key=lambda part: part.priority)
    levels = [
        _level(number, list(group))
        for number, (_priority, group) in enumerate(groupby(ordered, lambda part: part.priority))
    ]
    return {"label": label or _("Shares of the calls"), "levels": levels, "is_small": is_small}


def _level(number: int, parts: list[Part]) -> dict[str, Any]:
    """One priority. Later ones are tried when nothing of the ones before is well."""
    total = sum(part.weight for part in parts)
    start = 0.0
    shown = []
    for index, part in enumerate(parts):
        percent = 100 * part.weight / total if total else 0.0
        shown.append(
            {
                "name": part.name,
                "url": part.url,
                "lamp": part.lamp,
                "text": percent_text(percent),
                "tone": index % TONES + 1,
                # Texts, so that no language puts a comma into a drawing.
                "x": f"{start:.3f}",
                "width": f"{percent:.3f}" if percent else "",
                "fit": "wide" if percent >= 20 else "middling" if percent >= 11 else "narrow",
            }
        )
        start += percent
    return {"title": "" if number == 0 else _("only when those above fail"), "parts": shown}


def percent_text(percent: float) -> str:
    if percent == 0 or percent >= 10:
        return f"{percent:.0f} %"
    return f"{percent:.1f}".rstrip("0").rstrip(".") + " %" if percent >= 0.1 else "< 0.1 %"
