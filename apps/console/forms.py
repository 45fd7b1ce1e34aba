"""The console's forms: they parse what a browser sends; the rules are the services'."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.actor import Role

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


class SignInForm(forms.Form):
    email = forms.EmailField(max_length=254)
    password = forms.CharField(max_length=1024, strip=False)


class JoinForm(forms.Form):
    name = forms.CharField(max_length=255, required=False)
    password = forms.CharField(max_length=1024, strip=False)


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=PEOPLE_ROLES)
    is_approver = forms.BooleanField(
        label=_("May approve"), required=False, help_text=_("Decides on promotions and rollouts that others ask for.")
    )


class MemberForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=PEOPLE_ROLES)
    is_approver = forms.BooleanField(label=_("May approve"), required=False)
    revision = forms.IntegerField(widget=forms.HiddenInput)


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


class KeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=255, help_text=_("Where it will be used: “ci-main”, “chat backend”."))
    role = forms.ChoiceField(label=_("Role"), choices=KEY_ROLES)
    expires_at = forms.DateField(
        label=_("Expires"), required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text=_("The end of that day, UTC.")
    )
    limit = forms.CharField(
        label=_("Limit"), required=False, max_length=20, help_text=_("Calls in a window, such as 100/m or 5000/h; empty for the usual.")
    )
    addresses = forms.CharField(
        label=_("Allowed addresses"), required=False, max_length=2000, help_text=_("Networks such as 10.0.0.0/8, by commas; empty for any.")
    )
    models = forms.CharField(
        label=_("Allowed models"), required=False, max_length=2000, help_text=_("Model names by commas; empty for any.")
    )
    is_approver = forms.BooleanField(
        label=_("Carries the approver grant"), required=False, help_text=_("Only if you hold it yourself.")
    )


class RotateForm(forms.Form):
    grace_seconds = forms.TypedChoiceField(
        label=_("The old secret works for"),
        coerce=int,
        choices=[(0, _("not a second longer")), (3600, _("one hour")), (86400, _("one day")), (604800, _("one week"))],
    )


def parts(text: str) -> list[str]:
    """What a comma-separated field holds."""
    return [part.strip() for part in text.split(",") if part.strip()]


def revision_of(form: Any) -> int | None:
    value: int | None = form.cleaned_data.get("revision")
    return value
