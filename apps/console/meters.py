"""From a budget's standing to the context of `components/meter.html`: spent, held by calls under way, left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from apps.console.figures import count, dollars
from apps.providers.domain.budgets import Standing

NEARLY = 80.0
"""Percent from which on a budget wants attention."""


def meters(standing: Standing) -> list[dict[str, Any]]:
    """One for money and one for tokens, as far as they are bounded."""
    bound = standing.bound
    found = []
    if bound.nano is not None:
        found.append(meter(standing.spent.nano, standing.held.nano, bound.nano, dollars))
    if bound.tokens is not None:
        found.append(
            meter(
                standing.spent.tokens, standing.held.tokens, bound.tokens, count, unit=_("tokens")
            )
        )
    return found


def meter(
    spent: int, held: int, most: int, text: Callable[[int], str], *, unit: str = ""
) -> dict[str, Any]:
    used = min(100.0, 100 * spent / most)
    under_way = min(100.0 - used, 100 * held / most)
    left = max(0, most - spent - held)
    words = _("%(spent)s of %(most)s spent") % {
        "spent": text(spent),
        "most": f"{text(most)} {unit}".strip(),
    }
    if held:
        words += " · " + _("%(held)s held") % {"held": text(held)}
    return {
        "state": "danger" if used >= 100 else "caution" if used >= NEARLY else "clear",
        "spent": f"{used:.2f}",
        "held": f"{under_way:.2f}",
        "text": words,
        "left": _("%(left)s left") % {"left": text(left)},
    }
