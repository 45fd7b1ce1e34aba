"""What may stand in a route: shares, fallbacks that lead nowhere back, guardrails. Pure; wrong ones are `Invalid`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from apps.core.errors import FieldError, Invalid
from apps.core.json import dumps
from apps.core.text import is_misleading
from apps.providers.domain.guardrails import registry
from apps.providers.enums import Sticky

MOST_TARGETS = 50
MOST_FALLBACKS = 10
MOST_GUARDRAILS = 20
MOST_RETRIES = 10
MOST_PRIORITY = 100
MOST_WEIGHT = 1_000_000
MOST_CACHE_SECONDS = 30 * 86_400
MOST_OPTION_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Share:
    """A target as it was asked for: a deployment by id or name, and its part of the calls."""

    deployment: str
    weight: float = 1.0
    priority: int = 0


def check_targets(targets: Any) -> list[Share]:
    """In the order given, which is the order of shares along the buckets."""
    if not isinstance(targets, Sequence) or isinstance(targets, str):
        raise Invalid.field("targets", "must be a list", "type")
    if not 0 < len(targets) <= MOST_TARGETS:
        raise Invalid.field("targets", f"must hold 1 to {MOST_TARGETS} targets", "length")
    wrong = [error for index, target in enumerate(targets) for error in _wrong(index, target)]
    if wrong:
        raise Invalid(fields=wrong)
    shares = [
        Share(
            target["deployment"], float(target.get("weight", 1.0)), int(target.get("priority", 0))
        )
        for target in targets
    ]
    if not any(share.weight > 0 for share in shares):
        raise Invalid.field("targets", "must give one of them a weight above zero", "weights")
    return shares


def check_sticky(value: Any) -> Sticky:
    """Yes or no, or what it goes by; yes is by session."""
    if isinstance(value, bool):
        return Sticky.SESSION if value else Sticky.NONE
    try:
        return Sticky(value)
    except ValueError:
        words = ", ".join(Sticky)
        raise Invalid.field("sticky", f"must be true, false or one of {words}", "choice") from None


def check_fallbacks(name: str, fallbacks: Any, others: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of other routes; `others` are all there are, each with its own fallbacks. None may lead back to `name`."""
    if not isinstance(fallbacks, Sequence) or isinstance(fallbacks, str):
        raise Invalid.field("fallbacks", "must be a list", "type")
    if len(fallbacks) > MOST_FALLBACKS:
        raise Invalid.field("fallbacks", f"may hold {MOST_FALLBACKS} routes", "length")
    wrong = []
    for index, fallback in enumerate(fallbacks):
        message = _wrong_fallback(name, fallback, fallbacks[:index], others)
        if message:
            wrong.append(FieldError(f"fallbacks.{index}", message, "invalid"))
    if wrong:
        raise Invalid(fields=wrong)
    return list(fallbacks)


def check_guardrails(guardrails: Any) -> list[dict[str, Any]]:
    """`{"name", "options"?}` each, in the order they are applied."""
    if not isinstance(guardrails, Sequence) or isinstance(guardrails, str):
        raise Invalid.field("guardrails", "must be a list", "type")
    if len(guardrails) > MOST_GUARDRAILS:
        raise Invalid.field("guardrails", f"may hold {MOST_GUARDRAILS}", "length")
    wrong = [
        FieldError(f"guardrails.{index}{place}", message, "invalid")
        for index, guardrail in enumerate(guardrails)
        for place, message in _wrong_guardrail(guardrail)
    ]
    if wrong:
        raise Invalid(fields=wrong)
    return [
        {"name": guardrail["name"], "options": dict(guardrail.get("options", {}))}
        for guardrail in guardrails
    ]


def check_number(value: Any, field: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Invalid.field(field, f"must be a whole number from 0 to {most}", "range")
    return value


def leads_to(start: Iterable[str], goal: str, fallbacks: Mapping[str, Sequence[str]]) -> bool:
    """Whether following fallbacks from any of `start` arrives at `goal`."""
    seen: set[str] = set()
    ahead = list(start)
    while ahead:
        name = ahead.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            ahead += fallbacks.get(name, ())
    return False


def _wrong(index: int, target: Any) -> list[FieldError]:
    place = f"targets.{index}"
    if not isinstance(target, Mapping):
        return [FieldError(place, "must be an object", "type")]
    found = [
        FieldError(f"{place}.{name}", "is not a field here", "unknown_field")
        for name in target
        if name not in ("deployment", "weight", "priority")
    ]
    deployment = target.get("deployment")
    if not isinstance(deployment, str) or not deployment:
        found.append(FieldError(f"{place}.deployment", "must be a deployment's id or name", "type"))
    if not _is_within(target.get("weight", 1.0), int | float, MOST_WEIGHT):
        message = f"must be a number from 0 to {MOST_WEIGHT}"
        found.append(FieldError(f"{place}.weight", message, "range"))
    if not _is_within(target.get("priority", 0), int, MOST_PRIORITY):
        message = f"must be a whole number from 0 to {MOST_PRIORITY}"
        found.append(FieldError(f"{place}.priority", message, "range"))
    return found


def _wrong_fallback(
    name: str, fallback: Any, before: Sequence[Any], others: Mapping[str, Sequence[str]]
) -> str:
    if not isinstance(fallback, str):
        return "must be the name of a route"
    if fallback == name:
        return "must not be the route itself"
    if fallback not in others:
        return "names no route"
    if fallback in before:
        return "stands there twice"
    return "falls back on this route again" if leads_to([fallback], name, others) else ""


def _wrong_guardrail(guardrail: Any) -> list[tuple[str, str]]:
    if not isinstance(guardrail, Mapping):
        return [("", "must be an object")]
    found = [(f".{key}", "is not a field here") for key in guardrail if key not in _GUARDRAIL]
    name, options = guardrail.get("name"), guardrail.get("options", {})
    if not isinstance(name, str) or not 0 < len(name) <= 50 or is_misleading(name):
        found.append((".name", "must be a guardrail's name"))
    if not isinstance(options, Mapping):
        found.append((".options", "must be an object"))
    elif len(dumps(options)) > MOST_OPTION_BYTES:
        found.append((".options", f"may take {MOST_OPTION_BYTES} bytes"))
    return found or _refused_by_itself(guardrail)


def _refused_by_itself(guardrail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the guardrail of that name says of its options."""
    try:
        registry.make(guardrail)
    except Invalid as error:
        return [(f".{field.field}", field.message) for field in error.fields]
    return []


_GUARDRAIL = ("name", "options")


def _is_within(value: Any, kind: Any, most: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    return isfinite(value) and 0 <= value <= most
