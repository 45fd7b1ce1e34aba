"""The forms of the pages about model traffic: they parse what a browser sends; the rules are the services'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

LONGEST_MESSAGE = 200_000


class PlaygroundForm(forms.Form):
    """One call: what is left empty is not sent, and the model's own default holds."""

    model = forms.ChoiceField(label=_("Route"))
    system = forms.CharField(
        label=_("System"),
        required=False,
        max_length=LONGEST_MESSAGE,
        widget=forms.Textarea(
            attrs={"rows": 2, "placeholder": _("You are a signaller of few words.")}
        ),
    )
    message = forms.CharField(
        label=_("Message"),
        max_length=LONGEST_MESSAGE,
        widget=forms.Textarea(attrs={"rows": 5, "autofocus": True}),
    )
    temperature = forms.FloatField(
        label=_("Temperature"),
        required=False,
        min_value=0,
        max_value=2,
        widget=forms.NumberInput(
            attrs={"step": "0.1", "inputmode": "decimal", "placeholder": _("default")}
        ),
    )
    max_tokens = forms.IntegerField(
        label=_("Most tokens"),
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": _("default")}),
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        required=False,
        min_value=-(2**53),
        max_value=2**53,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": _("by chance")}),
    )

    def __init__(self, *args: Any, routes: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].choices = list(routes)  # type: ignore[attr-defined]  # a ChoiceField
