"""What differs between two definitions of a route, in the shape `components/diff.html` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.core.json import dumps

Definition = Mapping[str, Any]


def changes(before: Definition, after: Definition) -> list[dict[str, Any]]:
    """Only what differs; None on a side is not there at all."""
    return [
        {"label": label, "old": old, "new": new}
        for label, old, new in (*_targets(before, after), *_settings(before, after))
        if old != new
    ]


def _targets(before: Definition, after: Definition) -> list[tuple[str, str | None, str | None]]:
    old, new = _by_deployment(before), _by_deployment(after)
    return [
        (_("To %(name)s") % {"name": (new.get(key) or old[key])[0]}, _words(old, key), _words(new, key))
        for key in dict.fromkeys((*old, *new))
    ]  # fmt: skip


def _by_deployment(definition: Definition) -> dict[str, tuple[str, str]]:
    return {
        target["deployment"]: (target["name"], _weight(target)) for target in definition["targets"]
    }


def _words(targets: Mapping[str, tuple[str, str]], key: str) -> str | None:
    return targets[key][1] if key in targets else None


def _weight(target: Mapping[str, Any]) -> str:
    weight = _("weight %(weight)g") % {"weight": target["weight"]}
    if not target["priority"]:
        return weight
    return _("%(weight)s, priority %(priority)d") % {
        "weight": weight,
        "priority": target["priority"],
    }


def _settings(before: Definition, after: Definition) -> list[tuple[str, str | None, str | None]]:
    return [
        (str(label), _text(before.get(name)), _text(after.get(name)))
        for name, label in {
            "description": _("Description"),
            "fallbacks": _("Falls back on"),
            "sticky": _("Sticky by"),
            "retries": _("Retries"),
            "cache_seconds": _("Cache seconds"),
            "captures": _("Captures"),
            "continues": _("Continues cut streams"),
            "guardrails": _("Guardrails"),
            "prompt": _("Prompt"),
            "is_enabled": _("Enabled"),
        }.items()
    ]


def _text(value: Any) -> str | None:
    match value:
        case bool():
            return _("yes") if value else _("no")
        case None | "" | []:
            return None
        case list() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case list() | dict():
            return dumps(value).decode()
    return str(value)
