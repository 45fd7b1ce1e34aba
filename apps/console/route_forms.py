"""The form of a route: its targets and fallbacks as rows that grow on demand, script or none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.providers.domain.routes import (
    MOST_FALLBACKS,
    MOST_PRIORITY,
    MOST_RETRIES,
    MOST_TARGETS,
    MOST_WEIGHT,
)
from apps.providers.enums import Sticky

Choices = Sequence[tuple[str, str]]
STICKY = [
    (Sticky.NONE.value, _("Nothing: each call goes by weight")),
    (Sticky.SESSION.value, _("Session: the session, else the user, else the key")),
    (Sticky.KEY.value, _("Key")),
]
SPARE = 2
"""Rows that stand ready beyond those in use."""


class RouteForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=50, help_text=_("What callers name as the model. It stays.")
    )
    description = forms.CharField(label=_("Description"), max_length=500, required=False)
    sticky = forms.ChoiceField(label=_("Keeps callers at one target by"), choices=STICKY)
    retries = forms.IntegerField(
        label=_("Retries"), min_value=0, max_value=MOST_RETRIES, help_text=_("Before fallbacks.")
    )
    cache_seconds = forms.IntegerField(
        label=_("Keep answers for"), min_value=0, help_text=_("Seconds; 0 keeps none.")
    )
    captures = forms.BooleanField(
        label=_("Capture requests and answers"),
        required=False,
        help_text=_("Kept as text, redacted by rule, for those who may read them."),
    )
    continues = forms.BooleanField(
        label=_("Go on with streams that break off"),
        required=False,
        help_text=_("At the next target that can go on from a text, or anew at the same."),
    )
    prompt = forms.CharField(
        label=_("Prompt"),
        max_length=200,
        required=False,
        help_text=_("Put before the caller's messages: name@label or name@version."),
    )
    guardrails = forms.CharField(
        label=_("Guardrails"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text=_("One a line, in order: its name, then its options as JSON if it has any."),
    )
    is_enabled = forms.BooleanField(
        label=_("Enabled"), required=False, help_text=_("Disabled, its callers are told 404.")
    )
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    rows = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        deployments: Choices,
        routes: Choices,
        rows: int,
        is_new: bool,
        moves_targets: bool = True,
        **kwargs: Any,
    ) -> None:
        """`moves_targets`: a rollout that moves them leaves no rows for people."""
        super().__init__(*args, **kwargs)
        self.count = min(rows, MOST_TARGETS) if moves_targets else 0
        self.fallback_count = min(MOST_FALLBACKS, max(3, len(routes))) if routes else 0
        if not is_new:
            del self.fields["name"]
        for number in range(self.count):
            self._add_target(number, deployments)
        for number in range(self.fallback_count):
            self.fields[f"fallback_{number}"] = forms.ChoiceField(
                label=_("Then") if number else _("First"), required=False, choices=[("", "–"), *routes]
            )  # fmt: skip

    def _add_target(self, number: int, deployments: Choices) -> None:
        self.fields[f"target_{number}"] = forms.ChoiceField(
            label=_("Deployment"), required=False, choices=[("", "–"), *deployments]
        )
        self.fields[f"weight_{number}"] = forms.FloatField(
            label=_("Weight"),
            required=False,
            min_value=0,
            max_value=MOST_WEIGHT,
            widget=forms.NumberInput(attrs={"step": "any", "placeholder": "1"}),
        )
        self.fields[f"priority_{number}"] = forms.IntegerField(
            label=_("Priority"),
            required=False,
            min_value=0,
            max_value=MOST_PRIORITY,
            widget=forms.NumberInput(attrs={"placeholder": "0"}),
        )

    @property
    def target_rows(self) -> Iterator[list[Any]]:
        for number in range(self.count):
            yield [self[f"{name}_{number}"] for name in ("target", "weight", "priority")]

    @property
    def fallback_fields(self) -> list[Any]:
        return [self[f"fallback_{number}"] for number in range(self.fallback_count)]

    def clean_guardrails(self) -> list[dict[str, Any]]:
        lines = (line.strip() for line in self.cleaned_data["guardrails"].splitlines())
        return [_guardrail(line) for line in lines if line]

    def terms(self) -> dict[str, Any]:
        """What the service takes of it."""
        data = self.cleaned_data
        names = (
            "name", "description", "sticky", "retries", "cache_seconds", "captures", "continues",
            "prompt", "guardrails", "is_enabled",
        )  # fmt: skip
        found = {name: data[name] for name in names if name in data}
        found["fallbacks"] = [data[name] for name in self._filled("fallback", self.fallback_count)]
        if self.count:
            found["targets"] = [self._target(number) for number in self._used()]
        return found

    @property
    def places(self) -> dict[str, str]:
        """Where the service's fields stand here: rows that were left empty do not count for it."""
        found = {}
        for index, number in enumerate(self._used()):
            found[f"targets.{index}.deployment"] = f"target_{number}"
            found[f"targets.{index}.weight"] = f"weight_{number}"
            found[f"targets.{index}.priority"] = f"priority_{number}"
        for index, name in enumerate(self._filled("fallback", self.fallback_count)):
            found[f"fallbacks.{index}"] = name
        return found

    def _target(self, number: int) -> dict[str, Any]:
        data = self.cleaned_data
        weight, priority = data.get(f"weight_{number}"), data.get(f"priority_{number}")
        return {
            "deployment": data[f"target_{number}"],
            "weight": 1.0 if weight is None else weight,
            "priority": priority or 0,
        }

    def _used(self) -> list[int]:
        return [int(name.rpartition("_")[2]) for name in self._filled("target", self.count)]

    def _filled(self, kind: str, count: int) -> list[str]:
        names = (f"{kind}_{number}" for number in range(count))
        return [name for name in names if self.cleaned_data.get(name)]


def rows_of(data: Mapping[str, Any]) -> int:
    """How many rows a form that came back holds."""
    text = str(data.get("rows", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else SPARE


def guardrail_lines(guardrails: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"{each['name']} {json.dumps(each['options'])}" if each.get("options") else each["name"]
        for each in guardrails
    )


def _guardrail(line: str) -> dict[str, Any]:
    name, _space, rest = line.partition(" ")
    if not rest.strip():
        return {"name": name, "options": {}}
    try:
        return {"name": name, "options": json.loads(rest)}
    except ValueError:
        raise forms.ValidationError(
            _("The options of %(name)s are no JSON.") % {"name": name}
        ) from None
