"""The forms of prompts: the messages of a version, labels, and the values of variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.errors import AppError, FieldError, Invalid
from apps.providers.domain.prompts import MOST_MESSAGES, ROLES

FEWEST_ROWS = 2
_MESSAGE = re.compile(r"messages\.(\d+)(?:\.(\w+))?")


class VersionForm(forms.Form):
    """A new version. As many messages as `rows`; those without text are left out."""

    parameters = forms.JSONField(
        label=gettext_lazy("Parameters"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "placeholder": "{}"}),
        help_text=gettext_lazy('Defaults of a call as JSON, such as {"temperature": 0.2}.'),
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("What is different, for whoever compares later."),
    )
    labels = forms.CharField(
        label=gettext_lazy("Labels"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy("By commas: they name this version from then on."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    rows = forms.IntegerField(widget=forms.HiddenInput, required=False)
    own_fields: tuple[str, ...] = ()
    """Fields of a subclass that come before the messages."""

    def __init__(self, *args: Any, rows: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = min(max(rows, FEWEST_ROWS), MOST_MESSAGES)
        for index in range(self.count):
            self._add_message(index)
        messages = [name for index in range(self.count) for name in _names(index)]
        self.order_fields([*self.own_fields, *messages])

    def _add_message(self, index: int) -> None:
        number = {"number": index + 1}
        self.fields[f"role_{index}"] = forms.ChoiceField(
            label=_("Message %(number)d, role") % number,
            choices=[(role, role) for role in ROLES],
            required=False,
            initial="user" if index else "system",
        )
        self.fields[f"content_{index}"] = forms.CharField(
            label=_("Message %(number)d, text") % number,
            required=False,
            strip=False,
            widget=forms.Textarea(attrs={"rows": 5, "class": "mono"}),
        )

    @property
    def places(self) -> list[int]:
        """Which rows hold the messages that are sent."""
        return [i for i in range(self.count) if self.cleaned_data[f"content_{i}"].strip()]

    def terms(self) -> dict[str, Any]:
        """What the services take."""
        data = self.cleaned_data
        messages = [
            {
                "role": data[f"role_{index}"],
                # A browser sends every line's end as two characters.
                "content": data[f"content_{index}"].replace("\r\n", "\n"),
            }
            for index in self.places
        ]
        return {
            "messages": messages,
            "parameters": data["parameters"] or {},
            "note": data["note"],
            "labels": [part.strip() for part in data["labels"].split(",") if part.strip()],
        }

    def placed(self, error: AppError) -> AppError:
        """The same with the names of this form's fields."""
        if not isinstance(error, Invalid) or not error.fields:
            return error
        return Invalid(fields=[self._placed(each) for each in error.fields])

    def _placed(self, error: FieldError) -> FieldError:
        found = _MESSAGE.match(error.field)
        if found is None:
            name = "content_0" if error.field == "messages" else error.field.partition(".")[0]
        else:
            row = self.places[int(found[1])]
            name = f"role_{row}" if found[2] == "role" else f"content_{row}"
        return FieldError(name, error.message, error.type)


class PromptForm(VersionForm):
    """A new prompt with its first version."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("As calls refer to it: letters, digits and . _ -"),
    )
    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    own_fields = ("name", "description")


class LabelForm(forms.Form):
    label = forms.CharField(
        label=gettext_lazy("Label"),
        max_length=50,
        widget=forms.TextInput(attrs={"placeholder": "production"}),
    )
    version = forms.TypedChoiceField(label=gettext_lazy("Names version"), coerce=int)
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, numbers: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["version"]
        offered.choices = [(number, f"v{number}") for number in numbers]


class TryForm(forms.Form):
    """One text for each variable. Their names are people's own, so each field is known by its place."""

    def __init__(self, *args: Any, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = list(names)
        for index, name in enumerate(self.names):
            self.fields[f"variable_{index}"] = forms.CharField(
                label=name,
                required=False,
                strip=False,
                widget=forms.Textarea(attrs={"rows": 1, "class": "mono"}),
            )

    def values(self) -> dict[str, str]:
        data: Mapping[str, str] = self.cleaned_data
        return {name: data[f"variable_{index}"] for index, name in enumerate(self.names)}


def shown(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The messages of a version as the form shows them."""
    fields: dict[str, Any] = {}
    for index, message in enumerate(messages):
        fields |= {f"role_{index}": message["role"], f"content_{index}": message["content"]}
    return fields


def _names(index: int) -> tuple[str, str]:
    return f"role_{index}", f"content_{index}"
