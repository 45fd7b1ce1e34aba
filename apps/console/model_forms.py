"""The forms of models: a new one, a version's upload, an alias moved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from apps.models.services.versions import Terms

JSON_AREA = {"rows": 3, "class": "mono", "placeholder": "{}"}


class ModelForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("As calls refer to it: a-z, 0-9 and . _ -"),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class UploadForm(forms.Form):
    """A version. What its bytes are decides, not its name."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "ONNX, skops, XGBoost, LightGBM, or a scorecard as JSON. No pickle."
        ),
    )
    version = forms.CharField(
        label=gettext_lazy("Version"),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "1.2.0"}),
        help_text=gettext_lazy("Left out, it is called by its number."),
    )
    feature_schema = forms.JSONField(
        label=gettext_lazy("Feature schema"),
        required=False,
        widget=forms.Textarea(attrs={**JSON_AREA, "rows": 6}),
        help_text=gettext_lazy(
            "JSON in the order of the inputs; left out, it is read off the file."
        ),
    )
    metrics = forms.JSONField(
        label=gettext_lazy("Metrics"),
        required=False,
        widget=forms.Textarea(attrs=JSON_AREA),
        help_text=gettext_lazy('JSON, such as {"accuracy": 0.87}.'),
    )
    input_example = forms.JSONField(
        label=gettext_lazy("Input example"),
        required=False,
        widget=forms.Textarea(attrs=JSON_AREA),
        help_text=gettext_lazy("JSON: a row of features that forms and examples begin with."),
    )
    background = forms.JSONField(
        label=gettext_lazy("Background"),
        required=False,
        widget=forms.Textarea(attrs={**JSON_AREA, "placeholder": "[]"}),
        help_text=gettext_lazy(
            "JSON: a list of rows that explanations are told against, 200 at most."
        ),
    )
    lineage = forms.JSONField(
        label=gettext_lazy("Lineage"),
        required=False,
        widget=forms.Textarea(attrs=JSON_AREA),
        help_text=gettext_lazy("JSON: run_id, commit, data."),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def terms(self) -> Terms:
        data = self.cleaned_data
        return Terms(
            label=data["version"],
            feature_schema=data["feature_schema"] or None,
            metrics=data["metrics"] or {},
            input_example=data["input_example"] or None,
            background=data["background"] or (),
            lineage=data["lineage"] or {},
            description=data["description"].replace("\r\n", "\n"),
        )


class AliasForm(forms.Form):
    alias = forms.CharField(
        label=gettext_lazy("Alias"),
        max_length=50,
        widget=forms.TextInput(attrs={"placeholder": "champion"}),
    )
    version = forms.ChoiceField(label=gettext_lazy("Names version"))
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, labels: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["version"]
        offered.choices = [(label, label) for label in labels]
