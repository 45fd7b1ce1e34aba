"""The forms of budgets: how much of what, for whom and how long; and the same on a key."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.console.figures import plain
from apps.providers.enums import BudgetScope, Period

SCOPES = {
    BudgetScope.ORGANIZATION: _("The whole organisation"),
    BudgetScope.KEY: _("One key"),
    BudgetScope.END_USER: _("End users"),
}
PERIODS = {
    Period.DAY: _("each day"),
    Period.MONTH: _("each month"),
    Period.TOTAL: _("in all"),
}


class BoundsForm(forms.Form):
    """What may change of a budget."""

    amount = forms.DecimalField(
        label=_("Dollars"),
        required=False,
        max_digits=20,
        decimal_places=9,
        widget=forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"}),
        help_text=_("Empty for no bound on money."),
    )
    tokens = forms.IntegerField(
        label=_("Tokens"),
        required=False,
        widget=forms.NumberInput(attrs={"min": "1", "inputmode": "numeric"}),
        help_text=_("Of prompts and answers together; empty for no bound."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)


class BudgetForm(BoundsForm):
    """A new budget. `keys`: those it may be of."""

    scope = forms.ChoiceField(label=_("Of"), choices=list(SCOPES.items()))
    key = forms.ChoiceField(
        label=_("Key"), required=False, help_text=_("Where it is of one key alone.")
    )
    end_user = forms.CharField(
        label=_("End user"),
        required=False,
        max_length=255,
        help_text=_("As calls name their user; * is each by themselves."),
    )
    period = forms.ChoiceField(
        label=_("Begins anew"),
        choices=list(PERIODS.items()),
        initial=Period.MONTH,
        help_text=_(
            "By the calendar, in UTC. What the organisation or a key has spent since counts already."
        ),
    )
    field_order = ("scope", "key", "end_user", "amount", "tokens", "period")

    def __init__(self, *args: Any, keys: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["key"]
        offered.choices = [("", _("No key")), *keys]


class KeyBudgetFields(forms.Form):
    """A key's own budget, among its other terms."""

    budget_amount = forms.DecimalField(
        label=_("Budget in dollars"),
        required=False,
        max_digits=20,
        decimal_places=9,
        widget=forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"}),
        help_text=_("What calls with this key may cost; empty for no bound."),
    )
    budget_tokens = forms.IntegerField(
        label=_("Budget in tokens"),
        required=False,
        widget=forms.NumberInput(attrs={"min": "1", "inputmode": "numeric"}),
    )
    budget_period = forms.ChoiceField(
        label=_("Budget begins anew"),
        choices=list(PERIODS.items()),
        initial=Period.MONTH,
        required=False,
    )


BUDGET_FIELDS = tuple(KeyBudgetFields.base_fields)


def key_budget(data: dict[str, Any]) -> dict[str, Any] | None:
    """What `keys` services take, from what the form holds."""
    amount, tokens = data["budget_amount"], data["budget_tokens"]
    if amount is None and tokens is None:
        return None
    bounds: dict[str, Any] = {} if amount is None else {"amount": float(amount)}
    if tokens is not None:
        bounds["tokens"] = tokens
    return {**bounds, "period": data["budget_period"] or Period.MONTH.value}


def is_budget_changed(form: forms.Form) -> bool:
    """A period alone is no budget."""
    changed = set(form.changed_data)
    has_bound = key_budget(form.cleaned_data) is not None
    return bool(changed & {"budget_amount", "budget_tokens"}) or (
        has_bound and "budget_period" in changed
    )


def shown_budget(budget: dict[str, Any] | None) -> dict[str, Any]:
    """A key's budget as the form shows it."""
    held = budget or {}
    amount = held.get("amount")
    return {
        "budget_amount": None if amount is None else plain(Decimal(repr(amount))),
        "budget_tokens": held.get("tokens"),
        "budget_period": held.get("period", Period.MONTH.value),
    }
