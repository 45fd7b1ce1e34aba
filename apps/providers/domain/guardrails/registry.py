"""The guardrails there are, by the name that routes give. A plugin adds its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core.errors import FieldError, Invalid
from apps.providers.domain.guardrails import deny, redact
from apps.providers.domain.guardrails.protocol import ON, Factory, Guard, read_choices

_factories: dict[str, Factory] = {"redact": redact.make, "deny_list": deny.make}


def register(name: str, factory: Factory) -> None:
    _factories[name] = factory


def names() -> list[str]:
    return sorted(_factories)


def make(definition: Mapping[str, Any]) -> Guard:
    """A guardrail as it stands in a route, `{"name", "options"}`. Raises `Invalid`."""
    name, options = definition["name"], definition.get("options") or {}
    factory = _factories.get(name)
    if factory is None:
        raise Invalid.field("name", f"is no guardrail; one of {', '.join(names())}", "choice")
    try:
        on = read_choices(options, "on", ON)
        return Guard(name, factory(options), "request" in on, "answer" in on)
    except Invalid as error:
        fields = [FieldError(f"options.{f.field}", f.message, f.type) for f in error.fields]
        raise Invalid(fields=fields) from None
