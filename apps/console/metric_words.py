"""What a metric's name says of it: whether more of it is better, or less. Nothing is guessed of a name nobody knows."""

from __future__ import annotations

import re
from typing import Any, Final

from django.utils.translation import gettext as _

MORE: Final = frozenset(
    {
        *("accuracy", "acc", "precision", "recall", "sensitivity", "specificity", "f1", "fbeta"),
        *(
            "auc",
            "auroc",
            "roc",
            "aucpr",
            "ap",
            "map",
            "ndcg",
            "r2",
            "kappa",
            "mcc",
            "gini",
            "lift",
        ),
        *("correlation", "coverage"),
    }
)
LESS: Final = frozenset(
    {
        *("loss", "logloss", "error", "mae", "mse", "rmse", "mape", "smape", "rmsle", "brier"),
        *("ece", "deviance", "latency", "duration", "perplexity", "cost"),
    }
)
EXACT = 1e-12


def direction(name: str) -> int:
    """1 where more is better, -1 where less is, 0 where the name does not say, or says both."""
    words = {word.lower() for word in re.split(r"[^A-Za-z0-9]+", name)}
    return int(bool(words & MORE)) - int(bool(words & LESS))


def judged_cell(name: str, old: Any, new: Any, *, sense: int | None = None) -> dict[str, Any]:
    """A lamp's cell: better, worse, the same; a dash where a side has no number or the name does not tell."""
    wanted = direction(name) if sense is None else sense
    if not _is_number(old) or not _is_number(new):
        return {"kind": "text", "value": ""}
    if abs(new - old) <= EXACT:
        return {"state": "off", "value": _("The same")}
    if not wanted:
        return {"kind": "text", "value": ""}
    if (new - old) * wanted > 0:
        return {"state": "clear", "value": _("Better")}
    return {"state": "danger", "value": _("Worse")}


def change(old: Any, new: Any) -> str:
    return f"{new - old:+.4g}" if _is_number(old) and _is_number(new) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
