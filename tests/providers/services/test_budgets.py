"""Budgets: set, changed, lifted; and which bounds calls get of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.core import changes
from apps.core.actor import Actor, Role, SpendingBound
from apps.core.errors import Conflict, Invalid, NotFound, PermissionDenied, Stale
from apps.core.tenancy import organization_scope
from apps.events.models import AuditEntry
from apps.providers.domain.budgets import Bound, Meter
from apps.providers.enums import BudgetScope, Period
from apps.providers.ledger import bounds
from apps.providers.models import Budget
from apps.providers.queries import budgets as queries
from apps.providers.services import budgets
from apps.tenants.models import Membership
from tests.factories.keys import actor_of_key, make_key
from tests.factories.tenants import actor_of, make_admin, make_member
from tests.factories.usage import AT, make_budget, make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
ORGANIZATION, KEY, END_USER = BudgetScope.ORGANIZATION, BudgetScope.KEY, BudgetScope.END_USER
MONTH, DAY = date(2026, 3, 1), date(2026, 3, 31)


@pytest.fixture
def member() -> Membership:
    return make_admin()


@pytest.fixture
def admin(member: Membership) -> Iterator[Actor]:
    with organization_scope(member.organization_id):
        yield actor_of(member)


def create(actor: Actor, **values: Any) -> Budget:
    given = {"scope": "organization", "period": "month", "amount": 25, **values}
    return budgets.create_budget(actor=actor, **given)


def test_create_writes_and_tells(admin: Actor):
    budget = create(admin, amount=0.1, tokens=500)

    assert (budget.amount, budget.tokens, budget.revision) == (Decimal("0.1"), 500, 1)
    entry = AuditEntry.objects.get(action="providers.budget.created")
    assert entry.after == {
        "scope": "organization",
        "subject": "",
        "period": "month",
        "amount": "0.1",
        "tokens": 500,
    }


def test_create_asks_for_the_permission(member: Membership):
    user = make_member(member.organization, Role.USER)

    with organization_scope(member.organization_id), pytest.raises(PermissionDenied):
        create(actor_of(user))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scope": "team"}, "scope"),
        ({"period": "year"}, "period"),
        ({"subject": "x"}, "subject"),
        ({"scope": "key"}, "subject"),
        ({"scope": "key", "subject": "*"}, "subject"),
        ({"scope": "key", "subject": "key_" + "0" * 32}, "subject"),
        ({"scope": "end_user", "subject": "a\x00"}, "subject"),
        ({"amount": 0}, "amount"),
        ({"amount": "1e-10"}, "amount"),
        ({"amount": 9_000_001}, "amount"),
        ({"amount": float("nan")}, "amount"),
        ({"amount": None}, "amount"),
        ({"tokens": 0}, "tokens"),
        ({"tokens": 1.5}, "tokens"),
    ],
)
def test_create_names_what_is_wrong(admin: Actor, wrong: dict[str, Any], field: str):
    with pytest.raises(Invalid) as error:
        create(admin, **wrong)

    assert [one.field for one in error.value.fields] == [field]


def test_create_takes_a_key_of_ours_alone(admin: Actor, member: Membership):
    ours = make_key(member).key.public_id
    theirs = make_key(make_admin()).key.public_id

    assert create(admin, scope="key", subject=ours).subject == ours
    with pytest.raises(Invalid):
        create(admin, scope="key", subject=theirs)


def test_create_twice_is_a_conflict(admin: Actor):
    create(admin)

    with pytest.raises(Conflict):
        create(admin)
    assert create(admin, period="day").period == "day"


def test_update_changes_what_is_named(admin: Actor):
    budget = create(admin, tokens=5)

    changed = budgets.update_budget(
        actor=admin, budget_id=budget.public_id, expected_revision=1, amount=None
    )

    assert (changed.amount, changed.tokens, changed.revision) == (None, 5, 2)
    with pytest.raises(Stale):
        budgets.update_budget(
            actor=admin, budget_id=budget.public_id, expected_revision=1, tokens=7
        )
    with pytest.raises(Invalid):
        budgets.update_budget(actor=admin, budget_id=budget.public_id, tokens=None)


def test_others_budgets_are_not_there(admin: Actor):
    theirs = make_budget(make_admin().organization)

    for deed in (budgets.update_budget, budgets.remove_budget, queries.budget):
        with pytest.raises(NotFound):
            deed(actor=admin, budget_id=theirs.public_id)  # type: ignore[operator]
    assert list(queries.budgets(actor=admin)) == []


def test_remove_lifts_it(admin: Actor):
    budget = create(admin)

    with pytest.raises(Stale):
        budgets.remove_budget(actor=admin, budget_id=budget.public_id, expected_revision=2)
    budgets.remove_budget(actor=admin, budget_id=budget.public_id)

    assert Budget.objects.count() == 0


def test_budgets_tell_what_was_spent_in_the_running_period(admin: Actor, member: Membership):
    create(admin)
    create(admin, period="day")
    create(admin, period="total")
    create(admin, scope="end_user", subject="ann", period="day")
    make_usage(member.organization, epoch="1-a", end_user="ann")
    make_usage(member.organization, epoch="2-b", at=datetime(2026, 3, 2, tzinfo=UTC))
    make_usage(member.organization, at=datetime(2026, 2, 2, tzinfo=UTC))
    make_usage(make_admin().organization)

    found = queries.budgets(actor=admin, at=AT)

    assert [(row.scope, row.period, row.spent_nano, row.spent_tokens) for row in found] == [  # type: ignore[attr-defined]
        ("organization", "day", 1000, 15),
        ("organization", "month", 2000, 30),
        ("organization", "total", 3000, 45),
        ("end_user", "day", 1000, 15),
    ]


def test_bounds_of_a_call_with_a_key(admin: Actor, member: Membership):
    issued = make_key(member, budget={"amount": 5, "tokens": 9, "period": "day"})
    key = issued.key.public_id
    create(admin, amount="0.000000001")
    create(admin, scope="key", subject=key, period="day", amount=4)
    create(admin, scope="key", subject=key, period="total", tokens=7, amount=None)
    create(admin, scope="end_user", subject="*", period="day", amount=1)
    create(admin, scope="end_user", subject="ann", period="day", amount=2)
    identity = actor_of_key(issued.secret).identity

    assert identity.budget == SpendingBound("day", 5_000_000_000, 9)
    assert bounds.load(identity, "ann", AT) == (
        Bound(Meter(ORGANIZATION, "", Period.MONTH, MONTH), 1, None),
        Bound(Meter(KEY, key, Period.DAY, DAY), 4_000_000_000, 9),
        Bound(Meter(KEY, key, Period.TOTAL, date(1970, 1, 1)), None, 7),
        Bound(Meter(END_USER, "ann", Period.DAY, DAY), 2_000_000_000, None),
    )
    assert bounds.load(identity, "bob", AT)[-1] == Bound(
        Meter(END_USER, "bob", Period.DAY, DAY), 1_000_000_000, None
    )


def test_bounds_are_remembered_until_they_change(
    admin: Actor,
    django_capture_on_commit_callbacks: Any,
    django_assert_num_queries: Any,
):
    changes.poll_changes()
    bounds.forget()
    assert bounds.recall(admin.identity, "", AT) is None
    assert bounds.load(admin.identity, "", AT) == ()
    with django_assert_num_queries(0):
        assert bounds.recall(admin.identity, "", AT) == ()

    with django_capture_on_commit_callbacks(execute=True):
        create(admin)

    assert bounds.recall(admin.identity, "", AT) is None
    assert len(bounds.load(admin.identity, "", AT)) == 1


def test_bounds_of_a_person_are_those_of_the_organization(admin: Actor):
    create(admin)

    assert [bound.meter.scope for bound in bounds.load(admin.identity, "", AT)] == [ORGANIZATION]
