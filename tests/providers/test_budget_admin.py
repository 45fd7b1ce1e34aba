"""The operator's pages of budgets and of usage."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.core.tenancy import unscoped
from apps.events.models import AuditEntry
from apps.providers.models import Budget
from tests.factories.tenants import make_organization, make_user
from tests.factories.usage import make_budget, make_usage

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
BUDGETS, RECORDS = "/admin/providers/budget/", "/admin/providers/usagerecord/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user(email="operator@example.com", is_staff=True))
    return client


def every(model: Any) -> list[Any]:
    with unscoped(reason="a test looks at every organisation"):
        return list(model.objects.order_by("pk"))


def test_operator_sets_changes_and_lifts_a_budget(staff: Client) -> None:
    organization = make_organization()
    given = {
        "organization": organization.pk,
        "scope": "end_user",
        "subject": "ann",
        "period": "day",
        "amount": "2.5",
        "tokens": "",
    }

    assert staff.post(f"{BUDGETS}add/", given).status_code == 302
    (made,) = every(Budget)
    assert (made.organization_id, made.amount, made.tokens) == (
        organization.pk,
        Decimal("2.5"),
        None,
    )
    changed = staff.post(f"{BUDGETS}{made.pk}/change/", {"amount": "", "tokens": "7"})
    assert changed.status_code == 302
    (made,) = every(Budget)
    assert (made.amount, made.tokens, made.revision) == (None, 7, 2)
    staff.post(f"{BUDGETS}{made.pk}/delete/", {"post": "yes"})

    assert every(Budget) == []
    assert [entry.action for entry in every(AuditEntry)] == [
        "providers.budget.created",
        "providers.budget.changed",
        "providers.budget.removed",
    ]


def test_operator_hears_why_a_budget_is_refused(staff: Client) -> None:
    organization = make_organization()
    given = {
        "organization": organization.pk, "scope": "organization", "subject": "x", "period": "day",
        "amount": "1", "tokens": "",
    }  # fmt: skip

    page = staff.post(f"{BUDGETS}add/", given, follow=True)

    assert every(Budget) == []
    assert b"is not taken: the organization is meant" in page.content


def test_operator_sees_every_organization(staff: Client) -> None:
    for _ in range(2):
        organization = make_organization()
        make_budget(organization)
        make_usage(organization)

    budgets, records = staff.get(BUDGETS), staff.get(RECORDS)

    assert budgets.content.count(b'class="field-__str__"') == 2
    assert records.content.count(b'class="field-at') == 2
    assert staff.get(f"{RECORDS}add/").status_code == 403
