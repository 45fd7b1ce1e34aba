"""REST: budgets, usage and the log of calls."""

from __future__ import annotations

from typing import Any

from apps.providers.models import UsageRecord
from apps.providers.permissions import ProvidersPermission
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.usage import make_budget, make_usage

VIEW, MANAGE = ProvidersPermission.USAGE_VIEW, ProvidersPermission.BUDGET_MANAGE
BOUNDS: dict[str, Any] = {"tokens": 1000}
WRONG_BOUNDS: dict[str, list[Any]] = {"tokens": [0, -1]}


class TestBudgets(RestDoor):
    calls = (
        Listing("GET", "/api/v1/budgets", VIEW),
        Call(
            "POST",
            "/api/v1/budgets",
            MANAGE,
            body={"scope": "end_user", "subject": "ann", "period": "day", **BOUNDS},
            status=201,
            wrong={
                "scope": ["", "team"],
                "period": ["", "year"],
                "subject": ["", "a" * 256, "a\u202eb"],
                **WRONG_BOUNDS,
            },
        ),
        Call("GET", "/api/v1/budgets/{id}", VIEW),
        Call(
            "PATCH",
            "/api/v1/budgets/{id}",
            MANAGE,
            body=BOUNDS,
            has_revision=True,
            wrong=WRONG_BOUNDS,
        ),
        Call("DELETE", "/api/v1/budgets/{id}", MANAGE, status=204),
    )
    made = 0

    def make(self, place: Place) -> str:
        TestBudgets.made += 1
        budget = make_budget(
            place.organization, scope="end_user", subject=f"user-{self.made}", period="day"
        )
        return str(budget.public_id)


class TestUsage(RestDoor):
    """Its rows are groups and have no ids; `tests/providers/rest/test_usage.py` says what they hold."""

    calls = (
        Call("GET", "/api/v1/usage", VIEW),
        Call("GET", "/api/v1/usage/export", VIEW),
    )


class TestCalls(RestDoor):
    calls = (Listing("GET", "/api/v1/usage/calls", VIEW),)

    def make(self, place: Place) -> str:
        request_id = make_usage(place.organization).request_id
        return str(UsageRecord.objects.get(request_id=request_id).record)
