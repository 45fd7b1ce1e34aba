"""The terms a key is given under, as people write them, checked: limits, addresses, models, budget.

And the comparison of two keys' terms: whether one would get further than the other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from apps.core.actor import Role
from apps.core.errors import FieldError, Invalid
from apps.core.limits.rates import Rate, parse_rate

PERIODS = ("day", "month", "total")
MAX_ENTRIES = 100
MODEL_NAME_LENGTH = 50
NAME_LENGTH = 255
MAX_BUDGET = 1e12
_MAPPED = ip_network("::ffff:0:0/96")
_DIRECTIONS = {chr(point) for point in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Terms:
    """Plain values as they are stored; None, and for addresses an empty list, is "no restriction"."""

    expires_at: datetime | None = None
    limits: dict[str, str] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    models: list[str] | None = None
    budget: dict[str, Any] | None = None


def check_name(name: str) -> str:
    """A name on one line, trimmed."""
    text = unicodedata.normalize("NFC", name.strip())
    if not 0 < len(text) <= NAME_LENGTH:
        raise Invalid.field("name", f"must have 1 to {NAME_LENGTH} characters", "length")
    if any(unicodedata.category(char) in ("Cc", "Cs") or char in _DIRECTIONS for char in text):
        raise Invalid.field("name", "must not hold control characters", "control")
    return text


def check_role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise Invalid.field("role", f"must be one of {', '.join(Role)}", "choice") from None


def check_expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    """A moment to come, in UTC; one without a zone is taken for UTC."""
    if expires_at is None:
        return None
    try:
        moment = (
            expires_at.replace(tzinfo=UTC)
            if expires_at.tzinfo is None
            else expires_at.astimezone(UTC)
        )
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


def check_addresses(addresses: list[Any]) -> list[str]:
    """Networks in their canonical spelling; a bare address is a network of one."""
    return _check_each("addresses", addresses, lambda text: str(_network(text)))


def check_models(models: list[Any] | None) -> list[str] | None:
    """Names of models; an empty list allows none."""
    return None if models is None else _check_each("models", models, _model_name)


def check_budget(budget: Any) -> dict[str, Any] | None:
    """`{"amount": 25.0, "period": "day"|"month"|"total"}`."""
    if budget is None:
        return None
    _must_be_object("budget", budget)
    amount, period = budget.get("amount"), budget.get("period")
    errors = [
        FieldError(f"budget.{name}", "is not a field here", "unknown_field")
        for name in sorted(set(budget) - {"amount", "period"})
    ]
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        errors.append(FieldError("budget.amount", "must be a number", "type"))
    elif not 0 < amount <= MAX_BUDGET:
        errors.append(FieldError("budget.amount", f"must be from 0 to {MAX_BUDGET:g}", "range"))
    if period not in PERIODS:
        known = ", ".join(PERIODS)
        errors.append(FieldError("budget.period", f"must be one of {known}", "choice"))
    _raise_if_any(errors)
    return {"amount": float(amount), "period": period}


def exceeding(given: Terms, bounds: Terms) -> list[FieldError]:
    """Where the given terms go further than the bounds; rates are another matter (`is_faster`)."""
    return list(_exceeding(given, bounds))


def is_faster(rate: Rate, bound: Rate) -> bool:
    """Whether a rate can let more through in the bound's window than the bound does."""
    windows = max(1, -(-bound.window_seconds // rate.window_seconds))
    return rate.limit * windows > bound.limit


def _exceeding(given: Terms, bounds: Terms) -> Iterator[FieldError]:
    if bounds.expires_at and not (given.expires_at and given.expires_at <= bounds.expires_at):
        yield FieldError("expires_at", "outlasts the key that gives it", "exceeds")
    if bounds.addresses and not _is_within(given.addresses, bounds.addresses):
        yield FieldError("addresses", "go beyond those of the key that gives them", "exceeds")
    if bounds.models is not None and not (
        given.models is not None and set(given.models) <= set(bounds.models)
    ):
        yield FieldError("models", "go beyond those of the key that gives them", "exceeds")
    if bounds.budget and not _is_no_richer(given.budget, bounds.budget):
        yield FieldError("budget", "goes beyond that of the key that gives it", "exceeds")


def _is_within(given: list[str], bounds: list[str]) -> bool:
    allowed = [ip_network(text) for text in bounds]
    return bool(given) and all(
        any(
            network.version == bound.version and network.subnet_of(bound)  # type: ignore[arg-type]  # of one version, as just compared
            for bound in allowed
        )
        for network in map(ip_network, given)
    )


def _is_no_richer(given: dict[str, Any] | None, bound: dict[str, Any]) -> bool:
    return (
        given is not None
        and given["period"] == bound["period"]
        and given["amount"] <= bound["amount"]
    )


def _network(text: str) -> Network:
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):  # type: ignore[arg-type]  # both of version 6
        # Callers are seen under their IPv4 address, so ::ffff:10.0.0.0/104 means 10.0.0.0/8.
        mapped = int(network.network_address) & 0xFFFFFFFF
        return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _check_each(name: str, values: list[Any], check: Callable[[str], str]) -> list[str]:
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


def _must_be_object(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise Invalid.field(name, "must be an object", "type")


def _raise_if_any(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid(fields=errors)
