"""The terms a key is given under, as people write them, checked: name, limits, addresses, models, budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from apps.core.actor import Role, SpendingBound
from apps.core.errors import FieldError, Invalid
from apps.core.limits.rates import parse_rate

PERIODS = ("day", "month", "total")
MAX_ENTRIES = 100
BUDGET_FIELDS = ("amount", "tokens", "period")
NANO = 1_000_000_000
SMALLEST_AMOUNT = 1 / NANO
MAX_AMOUNT = 9_000_000
"""Dollars. In billionths, whole numbers up to here are exact in every place that adds them."""
MAX_TOKENS = 9_000_000_000_000_000
MAX_CACHE_SECONDS = 30 * 86_400
NAME_LENGTH = 255
MODEL_NAME_LENGTH = 50
_MAPPED = IPv6Network("::ffff:0:0/96")


def check_name(name: str) -> str:
    stripped = name.strip()
    if not stripped or len(stripped) > NAME_LENGTH or not stripped.isprintable():
        raise Invalid.field("name", f"must be a name of 1 to {NAME_LENGTH} characters", "invalid")
    return stripped


def check_role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise Invalid.field("role", f"must be one of {', '.join(Role)}", "choice") from None


def check_expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    """A moment to come, in UTC; one without a zone is taken for UTC."""
    if expires_at is None:
        return None
    is_zoned = expires_at.tzinfo is not None
    try:
        moment = expires_at.astimezone(UTC) if is_zoned else expires_at.replace(tzinfo=UTC)
    except OverflowError:
        raise Invalid.field("expires_at", "is out of range", "overflow") from None
    if moment <= now:
        raise Invalid.field("expires_at", "must lie in the future", "past")
    return moment


def check_limits(limits: Any, classes: set[str]) -> dict[str, str]:
    """`{"default": "100/m"}`, each class known, each rate readable."""
    _must_be_object("limits", limits)
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
    return _check_each("addresses", addresses, _network)


def check_models(models: Sequence[Any] | None) -> list[str] | None:
    """Names of models; None is every model, an empty list none at all."""
    return None if models is None else _check_each("models", models, _model_name)


def check_budget(budget: Any) -> dict[str, Any] | None:
    """`{"amount": 25.0, "tokens": 1000000, "period": "day"|"month"|"total"}`; one of the first two may be missing."""
    if budget is None:
        return None
    _must_be_object("budget", budget)
    amount, tokens, period = (budget.get(name) for name in BUDGET_FIELDS)
    errors = []
    if (amount is None and tokens is None) or not (amount is None or _is_amount(amount)):
        errors.append(FieldError("budget.amount", "must be a number above zero", "min_value"))
    if not (tokens is None or _is_count(tokens)):
        errors.append(FieldError("budget.tokens", "must be a whole number above zero", "min_value"))
    if period not in PERIODS:
        errors.append(FieldError("budget.period", f"must be one of {', '.join(PERIODS)}", "choice"))
    errors += [
        FieldError(f"budget.{name}", "is not a field here", "unknown_field")
        for name in sorted(set(budget) - set(BUDGET_FIELDS))
    ]
    _raise_if_any(errors)
    bounds = {} if amount is None else {"amount": float(amount)}
    return bounds | ({} if tokens is None else {"tokens": tokens}) | {"period": period}


def check_cache_seconds(seconds: int | None) -> int:
    """0: no answers are kept for it."""
    if seconds is None:
        return 0
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int)
        or not 0 <= seconds <= MAX_CACHE_SECONDS
    ):
        raise Invalid.field("cache_seconds", f"must be 0 to {MAX_CACHE_SECONDS}", "range")
    return seconds


def spending_bound(budget: Mapping[str, Any] | None) -> SpendingBound | None:
    """A checked budget in whole numbers. A dollar is read as it was written: 0.1 is a tenth, not what floats make of
    it.
    """
    if budget is None:
        return None
    amount = budget.get("amount")
    nano = None if amount is None else int(Decimal(repr(amount)) * NANO)
    return SpendingBound(budget["period"], nano, budget.get("tokens"))


def _is_amount(amount: Any) -> bool:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return False
    return SMALLEST_AMOUNT <= amount <= MAX_AMOUNT


def _is_count(tokens: Any) -> bool:
    return isinstance(tokens, int) and not isinstance(tokens, bool) and 0 < tokens <= MAX_TOKENS


def _network(text: str) -> str:
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # Callers are seen under their IPv4 address, so ::ffff:10.0.0.0/104 means 10.0.0.0/8.
        mapped = int(network.network_address) & 0xFFFFFFFF
        network = IPv4Network((mapped, network.prefixlen - 96))
    return str(network)


def _must_be_object(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise Invalid.field(name, "must be an object", "type")


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
