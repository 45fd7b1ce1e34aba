"""The terms a key is given under, as people write them, checked: name, limits, addresses, models, budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from apps.core.errors import FieldError, Invalid
from apps.core.limits.rates import parse_rate

PERIODS = ("day", "month", "total")
MAX_ENTRIES = 100
MAX_AMOUNT = 1e12
NAME_LENGTH = 255
MODEL_NAME_LENGTH = 50


def check_name(name: str) -> str:
    stripped = name.strip()
    if not stripped or len(stripped) > NAME_LENGTH or not stripped.isprintable():
        raise Invalid.field("name", f"must be a name of 1 to {NAME_LENGTH} characters", "invalid")
    return stripped


def check_limits(limits: Mapping[str, Any], classes: set[str]) -> dict[str, str]:
    """`{"default": "100/m"}`, each class known, each rate readable."""
    errors = []
    checked: dict[str, str] = {}
    for name, rate in limits.items():
        if name not in classes:
            known = ", ".join(sorted(classes))
            errors.append(FieldError(f"limits.{name}", f"is no class; one of {known}", "choice"))
            continue
        try:
            checked[name] = str(parse_rate(rate))
        except ValueError as error:
            errors.append(FieldError(f"limits.{name}", str(error), "rate"))
    _raise_if_any(errors)
    return checked


def check_addresses(addresses: Sequence[Any]) -> list[str]:
    """Networks in their canonical spelling; a bare address is a network of one."""
    return _check_each("addresses", addresses, lambda text: str(ip_network(text, strict=False)))


def check_models(models: Sequence[Any] | None) -> list[str] | None:
    """Names of models; None is every model, an empty list none at all."""
    return None if models is None else _check_each("models", models, _model_name)


def check_budget(budget: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`{"amount": 25.0, "period": "day"|"month"|"total"}`."""
    if budget is None:
        return None
    amount, period = budget.get("amount"), budget.get("period")
    errors = []
    if not _is_amount(amount):
        errors.append(FieldError("budget.amount", "must be a number above zero", "min_value"))
    if period not in PERIODS:
        errors.append(FieldError("budget.period", f"must be one of {', '.join(PERIODS)}", "choice"))
    errors += [
        FieldError(f"budget.{name}", "is not a field here", "unknown_field")
        for name in sorted(set(budget) - {"amount", "period"})
    ]
    _raise_if_any(errors)
    return {"amount": float(amount or 0), "period": period}


def _is_amount(amount: Any) -> bool:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return False
    return math.isfinite(amount) and 0 < amount <= MAX_AMOUNT


def _check_each(name: str, values: Sequence[Any], check: Callable[[str], str]) -> list[str]:
    if len(values) > MAX_ENTRIES:
        raise Invalid.field(name, f"may have {MAX_ENTRIES} entries at most", "max_length")
    errors, checked = [], []
    for index, value in enumerate(values):
        try:
            checked.append(check(value if isinstance(value, str) else ""))
        except ValueError as error:
            errors.append(FieldError(f"{name}.{index}", str(error), "invalid"))
    _raise_if_any(errors)
    return list(dict.fromkeys(checked))


def _model_name(text: str) -> str:
    if not 0 < len(text) <= MODEL_NAME_LENGTH or not text.isprintable():
        raise ValueError(f"must be a model's name of at most {MODEL_NAME_LENGTH} characters")
    return text


def _raise_if_any(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid(fields=errors)
