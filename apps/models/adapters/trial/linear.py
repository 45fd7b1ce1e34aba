"""Linear models among scikit-learn's: their coefficients are read once, here, and score in plain Python ever after."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.models.adapters.runtimes.answers import plain_label

REGRESSIONS = frozenset({"ElasticNet", "Lasso", "LinearRegression", "Ridge"})
CLASSIFIER = "LogisticRegression"
TOLERANCE = 1e-10
"""Within which the folded coefficients have to answer as the library does."""
ROWS = 64


def read_linear(model: Any, names: list[str]) -> dict[str, Any] | None:
    """What the `linear` runtime needs; None for a model that is another, or that answers otherwise than its coefficients."""
    steps = [each for _, each in model.steps] if type(model).__name__ == "Pipeline" else [model]
    *before, last = steps
    if len(before) > 1 or not _is_linear(last):
        return None
    coefficients = np.asarray(last.coef_, dtype=np.float64).reshape(-1)
    intercept = float(np.asarray(last.intercept_, dtype=np.float64).reshape(-1)[0])
    means = None
    if before:
        scale, shift = _scaler(before[0], len(coefficients))
        if scale is None:
            return None
        intercept += float((coefficients * shift).sum())
        coefficients = coefficients * scale
        means = getattr(before[0], "mean_", None)
    found = {
        "coefficients": coefficients.tolist(),
        "intercept": intercept,
        "link": "logit" if type(last).__name__ == CLASSIFIER else "identity",
        "classes": [plain_label(each) for each in getattr(last, "classes_", ())],
        "means": None if means is None else np.asarray(means, dtype=np.float64).tolist(),
        "features": names,
    }
    return found if _answers_alike(model, coefficients, intercept, means) else None


def _is_linear(last: Any) -> bool:
    """One output of numbers, one class or the other."""
    name, kind = type(last).__name__, type(last).__module__
    if not kind.startswith("sklearn.linear_model."):
        return False
    coefficients = getattr(last, "coef_", None)
    if not isinstance(coefficients, np.ndarray) or (
        coefficients.ndim == 2 and len(coefficients) > 1
    ):
        return False
    if name == CLASSIFIER:
        return len(last.classes_) == 2
    return name in REGRESSIONS


def _scaler(scaler: Any, width: int) -> tuple[Any, Any]:
    """What it makes of a value: `value * scale + shift`. Nothing for what is no such scaler."""
    name, kind = type(scaler).__name__, type(scaler).__module__
    if not kind.startswith("sklearn.preprocessing."):
        return None, None
    if name == "StandardScaler":
        scale = np.ones(width) if scaler.scale_ is None else 1 / np.asarray(scaler.scale_)
        mean = np.asarray(scaler.mean_) if scaler.with_mean else np.zeros(width)
        return scale, -mean * scale
    if name == "MinMaxScaler" and not scaler.clip:
        return np.asarray(scaler.scale_), np.asarray(scaler.min_)
    return None, None


def _answers_alike(model: Any, coefficients: Any, intercept: float, means: Any) -> bool:
    """Tried on rows about the usual one: whatever else a model may do, it is not done here unless this holds."""
    if not (np.isfinite(coefficients).all() and np.isfinite(intercept)):
        return False
    spread = 1 / np.maximum(np.abs(coefficients), 1e-9)
    rows = np.random.default_rng(0).normal(size=(ROWS, len(coefficients))) * spread
    rows += 0 if means is None else means
    margins = rows @ coefficients + intercept
    if hasattr(model, "predict_proba"):
        expected = model.predict_proba(rows)[:, 1]
        answered = 1 / (1 + np.exp(-np.clip(margins, -700, 700)))
        return bool(np.allclose(answered, expected, rtol=0, atol=TOLERANCE))
    return bool(np.allclose(margins, model.predict(rows), rtol=TOLERANCE, atol=TOLERANCE))
