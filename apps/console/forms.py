"""The console's forms: they parse what a browser sends; the rules are the services'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.console.budget_forms import BUDGET_FIELDS, KeyBudgetFields
from apps.core.actor import Role
from apps.events.topics import RECORDED, TOPICS
from apps.keys.domain.terms import MAX_CACHE_SECONDS

PEOPLE_ROLES = [
    (Role.USER.value, _("User: use models, manage what they made")),
    (Role.VIEWER.value, _("Viewer: read everything but secrets")),
    (Role.ADMIN.value, _("Admin: everything")),
]
KEY_ROLES = [
    (Role.USER.value, _("User: use and create")),
    (Role.SERVICE.value, _("Service: for programs, never administers")),
    (Role.VIEWER.value, _("Viewer: read only")),
    (Role.ADMIN.value, _("Admin: everything")),
]
GRACES = [
    (86400, _("one day")),
    (3600, _("one hour")),
    (604800, _("one week")),
    (0, _("not a second longer")),
]


class SignInForm(forms.Form):
    email = forms.EmailField(max_length=254)
    password = forms.CharField(max_length=1024, strip=False)


class JoinForm(forms.Form):
    name = forms.CharField(max_length=255, required=False)
    password = forms.CharField(max_length=1024, strip=False, required=False)


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=PEOPLE_ROLES)
    is_approver = forms.BooleanField(
        label=_("May approve"),
        required=False,
        help_text=_("Decides on promotions and rollouts that others ask for."),
    )


class MemberForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=PEOPLE_ROLES)
    is_approver = forms.BooleanField(
        label=_("May approve"),
        required=False,
        help_text=_("Decides on promotions and rollouts that others ask for."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)


class ServiceAccountForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("The program's: “checkout”, “nightly-batch”.")
    )
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)


class OrganizationForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=255)
    revision = forms.IntegerField(widget=forms.HiddenInput)


class PasswordForm(forms.Form):
    current_password = forms.CharField(
        label=_("Present password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new_password = forms.CharField(
        label=_("New password"),
        max_length=1024,
        strip=False,
        help_text=_("At least 10 characters. Long beats complicated."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def _cache_seconds() -> forms.IntegerField:
    return forms.IntegerField(
        label=_("Keep answers"),
        required=False,
        min_value=0,
        max_value=MAX_CACHE_SECONDS,
        help_text=_("Seconds an answer is given again to the same question; empty for not at all."),
    )


class KeyForm(KeyBudgetFields):
    """A new key. Roles above the maker's, owners and the grant are offered only to those who may give them."""

    name = forms.CharField(
        label=_("Name"),
        max_length=255,
        help_text=_("Where it will be used: “ci-main”, “chat backend”."),
    )
    role = forms.ChoiceField(label=_("Role"))
    owner = forms.ChoiceField(
        label=_("Owner"),
        required=False,
        help_text=_("The key never holds more than its owner does."),
    )
    expires_at = forms.DateField(
        label=_("Expires"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The end of that day, UTC."),
    )
    limit = forms.CharField(
        label=_("Limit"),
        required=False,
        max_length=20,
        help_text=_("Calls in a window, such as 100/m or 5000/h; empty for the usual."),
    )
    addresses = forms.CharField(
        label=_("Allowed addresses"),
        required=False,
        max_length=2000,
        help_text=_("Networks such as 10.0.0.0/8, by commas; empty for any."),
    )
    models = forms.CharField(
        label=_("Allowed models"),
        required=False,
        max_length=2000,
        help_text=_("Model names by commas; empty for any."),
    )
    cache_seconds = _cache_seconds()
    is_approver = forms.BooleanField(
        label=_("Carries the approver grant"),
        required=False,
        help_text=_("Programs with this key may approve in your name."),
    )
    field_order = (
        *("name", "role", "owner", "expires_at", "limit", "addresses", "models"),
        *BUDGET_FIELDS,
        "cache_seconds",
    )

    def __init__(
        self,
        *args: Any,
        roles: Iterable[str],
        owners: Iterable[tuple[str, Any]],
        may_grant: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._offer("role", [(role, label) for role, label in KEY_ROLES if role in set(roles)])
        self._offer("owner", [("", _("Yourself")), *owners])
        if len(self._choices("owner")) == 1:
            del self.fields["owner"]
        if not may_grant:
            del self.fields["is_approver"]

    def _choices(self, name: str) -> list[Any]:
        return list(self.fields[name].choices)  # type: ignore[attr-defined]  # a ChoiceField

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]  # a ChoiceField


class KeyTermsForm(KeyBudgetFields):
    """What may change of a key that is in use."""

    name = forms.CharField(label=_("Name"), max_length=255)
    expires_at = forms.DateField(
        label=_("Expires"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The end of that day, UTC; empty for never."),
    )
    limits = forms.CharField(
        label=_("Limits"),
        required=False,
        max_length=400,
        help_text=_(
            "Calls in a window, by class of call: default=100/m, chat=20/m; empty for the usual."
        ),
    )
    addresses = forms.CharField(
        label=_("Allowed addresses"),
        required=False,
        max_length=5000,
        help_text=_("Networks such as 10.0.0.0/8, by commas; empty for any."),
    )
    models = forms.CharField(
        label=_("Allowed models"),
        required=False,
        max_length=6000,
        help_text=_("Model names by commas; empty for any."),
    )
    cache_seconds = _cache_seconds()
    revision = forms.IntegerField(widget=forms.HiddenInput)
    field_order = (
        *("name", "expires_at", "limits", "addresses", "models"),
        *BUDGET_FIELDS,
        "cache_seconds",
    )


class RotateForm(forms.Form):
    grace_seconds = forms.TypedChoiceField(
        label=_("The old secret works for"), coerce=int, choices=GRACES
    )


class WebhookForm(forms.Form):
    url = forms.CharField(
        label=_("Address"),
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/signalbox"}),
        help_text=_("http or https, and public. It is called with POST."),
    )
    topics = forms.MultipleChoiceField(
        label=_("Topics"),
        choices=[
            ("*", _("Everything")),
            *((name, name) for name in TOPICS if name not in RECORDED),
        ],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What it hears of. Single facts and prefixes are named by the API."),
    )
    description = forms.CharField(
        label=_("Description"),
        max_length=255,
        required=False,
        help_text=_("Whose server it is, and what for."),
    )


class WebhookTermsForm(WebhookForm):
    """What may change of a webhook in use. `topics` are those it has, which the API may have named more finely."""

    is_enabled = forms.BooleanField(
        label=_("Enabled"),
        required=False,
        help_text=_("Disabled, it hears of nothing, and what still waits is failed."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, topics: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["topics"]
        known = {value for value, _label in field.choices}
        field.choices = [*field.choices, *((name, name) for name in topics if name not in known)]


def parts(text: str) -> list[str]:
    """What a comma-separated field holds."""
    return [part.strip() for part in text.split(",") if part.strip()]
