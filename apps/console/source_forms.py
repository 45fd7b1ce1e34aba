"""The form of a registry that models are followed from: what is followed stands in lines, as one would say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.models.enums import SourceAuth
from apps.models.services.sources import SECONDS

_LINE = re.compile(
    r"(?P<model>.+?)(?:\s*@(?P<alias>\S+)|\s+(?P<stage>Production|Staging))(?:\s+as\s+(?P<name>\S+))?"
).fullmatch
EXAMPLE = "Churn@champion as churn-predictor"
AUTHS = {
    SourceAuth.NONE: _("Nothing"),
    SourceAuth.BASIC: _("A user name and a password"),
    SourceAuth.BEARER: _("A token"),
}


class FollowsField(forms.CharField):
    """`Churn@champion as churn-predictor`, a line each."""

    def clean(self, value: Any) -> list[dict[str, str]]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        return [_read(line) for line in lines]


class SourceForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://mlflow.example.com"}),
        help_text=_(
            "An MLflow server that proxies its artefacts. Another host drops the credential."
        ),
    )
    auth = forms.ChoiceField(label=_("It asks for"), choices=list(AUTHS.items()))
    username = forms.CharField(label=_("User name"), max_length=200, required=False)
    credential = forms.CharField(
        label=_("Password or token"),
        max_length=8192,
        required=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted and never shown. Left empty, it stays as it is."),
    )
    follows = FollowsField(
        label=_("What is followed"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "placeholder": EXAMPLE}),
        help_text=_("A line each: the model there, its alias or stage, and its name here."),
    )
    every_seconds = forms.IntegerField(
        label=_("Looks every"),
        min_value=SECONDS[0],
        max_value=SECONDS[1],
        initial=3600,
        help_text=_("Seconds: 3600 is an hour."),
    )
    is_enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    def terms(self) -> dict[str, Any]:
        """As the service takes them; an empty credential is none that was typed."""
        given = dict(self.cleaned_data)
        if not given["credential"]:
            del given["credential"]
        return given


def lines(follows: Iterable[Mapping[str, str]]) -> str:
    """The inverse of what the field reads."""
    return "\n".join(_line(each) for each in follows)


def _line(follow: Mapping[str, str]) -> str:
    way = f"@{follow['alias']}" if follow.get("alias") else f" {follow['stage']}"
    name = f" as {follow['as']}" if follow["as"] != follow["model"] else ""
    return f"{follow['model']}{way}{name}"


def _read(line: str) -> dict[str, str]:
    found = _LINE(line)
    if found is None:
        raise ValidationError(
            _now("“%(line)s” reads as nothing: write %(example)s or Churn Production."),
            params={"line": line[:60], "example": EXAMPLE},
        )
    words = {"model": found["model"], "alias": found["alias"], "stage": found["stage"]}
    given = {name: value for name, value in words.items() if value}
    return given | ({"as": found["name"]} if found["name"] else {})
