"""From a feature schema to the fields of a form: what each holds at first, and what may be put there.

The form is read by a script (js/model-try.js), which sends what a program would send. `reads` says how it takes a value:
as the number that stands there, as text, as a tick, or as the JSON that an option carries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.models.domain.background import usual_row
from apps.models.domain.schema import Schema

MOST_FIELDS = 120
"""Features beyond it are no form any more: they are written as JSON."""


def first_values(schema: Schema, example: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the form begins with: the example, else the default, else for what is required something usual."""
    given = example or {}
    usual = dict(zip(schema, usual_row(schema, given), strict=True))
    return {
        name: given.get(name, spec.get("default", usual[name]))
        for name, spec in schema.items()
        if name in given or "default" in spec or is_required(spec)
    }


def is_required(spec: Mapping[str, Any]) -> bool:
    return "default" not in spec and bool(spec.get("required", True))


def fields_of(schema: Schema, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """In the shape `models/feature.html` takes, in the schema's order."""
    return [
        {
            "id": f"feature-{number}",
            "name": name,
            "is_required": is_required(spec),
            "help": _help(spec),
            **_control(spec, values.get(name)),
        }
        for number, (name, spec) in enumerate(schema.items())
    ]


def _control(spec: Mapping[str, Any], value: Any) -> dict[str, Any]:
    kind = spec["type"]
    if "enum" in spec:
        return {"kind": "choice", "reads": "json", "options": _options(spec, spec["enum"], value)}
    if kind == "boolean" and "default" not in spec and not is_required(spec):
        return {"kind": "choice", "reads": "json", "options": _options(spec, (True, False), value)}
    if kind == "boolean":
        is_checked = spec.get("default") if value is None else value
        return {"kind": "check", "reads": "check", "is_checked": is_checked is True}
    if kind == "string":
        return {"kind": "text", "reads": "text", "value": "" if value is None else value}
    return {
        "kind": "number",
        "reads": "number",
        "value": "" if value is None else plain_number(value),
        "min": plain_number(spec.get("min")),
        "max": plain_number(spec.get("max")),
        "step": "1" if kind == "integer" else "any",
    }


def _options(spec: Mapping[str, Any], allowed: Any, value: Any) -> list[dict[str, Any]]:
    absent = [] if is_required(spec) else [{"value": "", "label": _("left out")}]
    said = [
        {
            "value": json.dumps(each, ensure_ascii=False),
            "label": spelt(each),
            "is_selected": value is not None and each == value,
        }
        for each in allowed
    ]
    return absent + said


def _help(spec: Mapping[str, Any]) -> str:
    low, high = plain_number(spec.get("min")), plain_number(spec.get("max"))
    parts = [_("Whole number")] if spec["type"] == "integer" and "enum" not in spec else []
    if low and high:
        parts.append(_("%(low)s to %(high)s") % {"low": low, "high": high})
    elif low:
        parts.append(_("at least %(low)s") % {"low": low})
    elif high:
        parts.append(_("at most %(high)s") % {"high": high})
    if "default" in spec:
        parts.append(_("left out, it is %(value)s") % {"value": spelt(spec["default"])})
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def feature_words(spec: Mapping[str, Any]) -> str:
    """A feature in one line, for two versions side by side."""
    parts = [spec["type"]]
    bounds = [plain_number(spec.get(word)) for word in ("min", "max")]
    if any(bounds):
        parts.append(" … ".join(bounds))
    if "enum" in spec:
        parts.append(_("one of: %(values)s") % {"values": ", ".join(map(spelt, spec["enum"]))})
    if "default" in spec:
        parts.append(_("default %(value)s") % {"value": spelt(spec["default"])})
    elif not is_required(spec):
        parts.append(_("optional"))
    return ", ".join(parts)


def plain_number(value: Any) -> str:
    """As a form shows it: 12 for 12.0, and never an exponent where it can be done without."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value)


def spelt(value: Any) -> str:
    """A value of a feature, or a class, in words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value if isinstance(value, str) else plain_number(value)
