"""The forms of providers and deployments: they parse what a browser sends; the rules are the services'."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.providers.adapters.registry import adapter_for
from apps.providers.domain.kinds import KINDS, Option
from apps.providers.domain.terms import CAPABILITIES
from apps.providers.enums import ProviderKind

OPTION = "option_"
CAPABILITY_NAMES = {
    "chat": _("Chat"),
    "completion": _("Completion"),
    "embeddings": _("Embeddings"),
    "tools": _("Tools"),
    "vision": _("Vision"),
    "json": _("JSON"),
    "images": _("Images"),
}


class ProviderForm(forms.Form):
    """A provider of one kind: only what this kind takes is asked for. The credential goes in and never comes out."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What it is called here: “openai”, “gpu-east”."),
    )
    base_url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.URLInput(attrs={"spellcheck": "false"}),
    )
    api_key = forms.CharField(
        label=_("Credential"),
        max_length=8192,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, kind: ProviderKind, hint: str | None = None, **kwargs: Any):
        """`hint`: the end of a credential that is kept already; empty for one that is kept and too short to hint at."""
        super().__init__(*args, **kwargs)
        self.kind = kind
        if KINDS[kind].is_remote:
            self._fit_address(adapter_for(kind).default_base_url)
            self._fit_credential(hint)
        else:
            del self.fields["base_url"], self.fields["api_key"]
        for name, option in KINDS[kind].options.items():
            self.fields[f"{OPTION}{name}"] = _option_field(name, option)

    def _fit_address(self, default: str) -> None:
        field = self.fields["base_url"]
        field.required = not default
        field.help_text = (
            _now("Empty for %(address)s.") % {"address": default}
            if default
            else _now("Where it listens. Private addresses are for the operator to allow.")
        )
        field.widget.attrs["placeholder"] = default or "https://models.example.com/v1"

    def _fit_credential(self, hint: str | None) -> None:
        field = self.fields["api_key"]
        if hint is None:
            field.help_text = _now(
                "Kept encrypted, sent to this address alone, and never shown again."
            )
            return
        kept = f"…{hint}" if hint else _now("one")
        field.label = _now("New credential")
        field.help_text = _now(
            "%(kept)s is kept; empty leaves it as it is. Another host drops it: it was given for this one."
        ) % {"kept": kept}

    def terms(self) -> dict[str, Any]:
        """What the service takes of it; a credential only when one was written."""
        data = self.cleaned_data
        found: dict[str, Any] = {name: data[name] for name in ("name", "base_url") if name in data}
        if data.get("api_key"):
            found["api_key"] = data["api_key"]
        if KINDS[self.kind].options:
            found["options"] = {
                name: value
                for name in KINDS[self.kind].options
                if (value := data[f"{OPTION}{name}"]) not in (None, "")
            }
        return found

    @property
    def places(self) -> dict[str, str]:
        """Where the service's fields stand here."""
        return {f"options.{name}": f"{OPTION}{name}" for name in KINDS[self.kind].options}


class ProviderTermsForm(ProviderForm):
    """What may change of a provider in use."""

    is_enabled = forms.BooleanField(
        label=_("Enabled"),
        required=False,
        help_text=_("Disabled, no call goes to any of its deployments."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    field_order = ("name", "base_url", "api_key")

    def terms(self) -> dict[str, Any]:
        return {**super().terms(), "is_enabled": self.cleaned_data["is_enabled"]}


class DeploymentForm(forms.Form):
    """One model at one provider. Prices and sizes left empty come from what is known of the model."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What routes call it by; unique here.")
    )
    model = forms.CharField(
        label=_("Model"), max_length=200, help_text=_("What its provider calls it.")
    )
    input_price = forms.DecimalField(label=_("Input"), required=False, min_value=0)
    output_price = forms.DecimalField(label=_("Output"), required=False, min_value=0)
    cached_input_price = forms.DecimalField(label=_("Cached input"), required=False, min_value=0)
    context_tokens = forms.IntegerField(label=_("Context"), required=False, min_value=1)
    max_output_tokens = forms.IntegerField(label=_("Longest answer"), required=False, min_value=1)
    capabilities = forms.MultipleChoiceField(
        label=_("Capabilities"),
        required=False,
        choices=[(word, CAPABILITY_NAMES[word]) for word in CAPABILITIES],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: unknown, and everything is tried."),
    )
    rpm = forms.IntegerField(label=_("Calls a minute"), required=False, min_value=1)
    tpm = forms.IntegerField(label=_("Tokens a minute"), required=False, min_value=1)
    parallel = forms.IntegerField(label=_("At the same time"), required=False, min_value=1)
    total = forms.FloatField(label=_("Whole answer"), required=False, min_value=1)
    first_token = forms.FloatField(label=_("First token"), required=False, min_value=0.5)
    idle = forms.FloatField(label=_("Between two tokens"), required=False, min_value=0.5)
    is_enabled = forms.BooleanField(
        label=_("Enabled"), required=False, help_text=_("Disabled, routes pass it over.")
    )
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    LIMITS = ("rpm", "tpm", "parallel")
    TIMEOUTS = ("total", "first_token", "idle")

    def sections(self) -> list[dict[str, Any]]:
        """The fields in groups, as `components/form_sections.html` takes them."""
        return [
            self._section("", "name", "model"),
            self._section(
                _("Price"), "input_price", "output_price", "cached_input_price",
                help=_("Dollars for a million tokens. Empty: what is known of this model, else free."),
            ),
            self._section(
                _("Size and abilities"), "context_tokens", "max_output_tokens", "capabilities",
                help=_("In tokens."),
            ),
            self._section(_("Limits"), *self.LIMITS, help=_("Calls beyond them go to another target. Empty: none.")),
            self._section(_("Patience"), *self.TIMEOUTS, help=_("Seconds until a call is tried elsewhere. Empty: the usual.")),
            self._section("", "is_enabled"),
        ]  # fmt: skip

    def _section(self, title: Any, *names: str, help: Any = "") -> dict[str, Any]:  # noqa: A002 - as fields call it
        return {"title": title, "help": help, "fields": [self[name] for name in names]}

    def terms(self, *, is_new: bool) -> dict[str, Any]:
        """What the service takes of it. Of a new one, what is empty is left for it to find out."""
        data = self.cleaned_data
        prices = ("input_price", "output_price", "cached_input_price")
        sizes = ("context_tokens", "max_output_tokens")
        optional = {name: data[name] for name in (*prices, *sizes)}
        if is_new:
            optional = {name: value for name, value in optional.items() if value is not None}
        else:
            optional |= {name: optional[name] or 0 for name in prices[:2]}
        patience = {name: data[name] for name in self.TIMEOUTS if data[name] is not None}
        return {
            "name": data["name"],
            "model": data["model"],
            **optional,
            "capabilities": data["capabilities"],
            "limits": {name: data[name] for name in self.LIMITS},
            "is_enabled": data["is_enabled"],
            **({"timeouts": patience} if patience else {}),
        }

    @property
    def places(self) -> dict[str, str]:
        """Where the service's fields stand here."""
        limits = {f"limits.{name}": name for name in self.LIMITS}
        return limits | {f"timeouts.{name}": name for name in self.TIMEOUTS}


class ModelsForm(forms.Form):
    """Which of the models a provider has become deployments."""

    models = forms.MultipleChoiceField(
        label=_("Models"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )

    def __init__(self, *args: Any, models: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["models"].choices = models  # type: ignore[attr-defined]  # a ChoiceField


def option_name(name: str) -> str:
    """`api_version` as people read it."""
    return name.replace("_", " ").capitalize().replace("Api ", "API ")


def _option_field(name: str, option: Option) -> forms.Field:
    label = option_name(name)
    common: dict[str, Any] = {"label": label, "required": False, "help_text": option.doc}
    if option.type is str:
        return forms.CharField(max_length=500, **common)
    kind: Any = forms.IntegerField if option.type is int else forms.FloatField
    field: forms.Field = kind(min_value=option.least, max_value=option.most, **common)
    return field
