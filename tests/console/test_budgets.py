"""The pages of budgets, and a key's own budget on the pages of keys."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.keys.models import ApiKey
from apps.providers.ledger.factory import set_ledger
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.models import Budget
from tests.factories.console import errors, notices, page, row_labels, title, toasts
from tests.factories.keys import make_key
from tests.factories.usage import make_budget, make_usage

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def told(answer):
    """The words under each bar: what is spent of what, and what is left."""
    found = re.findall(r'meter__text"><span>(.*?)</span><span>(.*?)</span>', page(answer))
    return [" · ".join(pair) for pair in found]


def bars(answer):
    return re.findall(r'meter__spent" width="([\d.]+)%', page(answer))


def test_empty_list_says_how_to_begin(at_admin, at_viewer):
    assert "Set the first budget" in page(at_admin.get("/console/budgets"))
    assert "Set the first budget" not in page(at_viewer.get("/console/budgets"))


def test_list_shows_ours_with_what_is_spent_and_left(at_viewer, organization, stranger, admin):
    key = make_key(admin, name="ci-main").key
    now = timezone.now()
    make_usage(organization, at=now, key=key.public_id, cost_nano=5 * 10**9)
    make_budget(organization, amount="25", tokens=100)
    make_budget(organization, scope="key", subject=key.public_id, period="day", amount="4")
    make_budget(organization, scope="end_user", subject="*", period="day", amount="5")
    make_budget(stranger.organization, amount="99")

    answer = at_viewer.get("/console/budgets")

    assert row_labels(answer) == ["Everything", "ci-main", "Each end user"]
    assert told(answer) == [
        "$5.00 of $25.00 spent · $20.00 left",
        "15 of 100 tokens spent · 85 left",
        "$5.00 of $4.00 spent · $0 left",
    ]
    assert bars(answer) == ["20.00", "15.00", "100.00"]
    assert "meter--danger" in page(answer)
    assert "$5 each" in page(answer)


def test_list_costs_the_same_queries_for_more_rows(
    at_viewer, organization, django_assert_num_queries
):
    """The ledger remembers what it has read, so each time a new one is asked."""

    def look():
        set_ledger(MemoryLedger())
        return at_viewer.get("/console/budgets")

    make_budget(organization, scope="end_user", subject="a")
    look()
    with CaptureQueriesContext(connection) as few:
        look()
    for subject in "bcd":
        make_budget(organization, scope="end_user", subject=subject)

    with django_assert_num_queries(len(few)):
        look()


def test_create_sets_a_budget_of_everything(at_admin, organization):
    answer = at_admin.post(
        "/console/budgets/new", {"scope": "organization", "period": "month", "amount": "12.5"}
    )

    assert (answer.status, answer.headers["location"]) == (302, "/console/budgets")
    assert toasts(at_admin) == ["The budget holds from now on."]
    budget = Budget.objects.get()
    assert (budget.scope, budget.subject, float(budget.amount)) == ("organization", "", 12.5)


def test_create_takes_the_subject_of_its_scope(at_admin, organization, admin):
    key = make_key(admin, name="ci-main").key
    terms = {"key": key.public_id, "end_user": "*", "period": "day", "tokens": "1000"}

    at_admin.post("/console/budgets/new", {**terms, "scope": "key"})
    at_admin.post("/console/budgets/new", {**terms, "scope": "end_user"})

    found = set(Budget.objects.values_list("scope", "subject", "tokens"))
    assert found == {("key", key.public_id, 1000), ("end_user", "*", 1000)}


@pytest.mark.parametrize(
    ("form", "told_at_field", "told_above"),
    [
        ({"scope": "organization"}, ["Is needed, or tokens are"], []),
        ({"scope": "key", "amount": "1"}, ["Is needed: a key's id, an end user or *"], []),
        ({"scope": "organization", "amount": "-1"}, ["Must be above 0 and at most 9000000"], []),
        (
            {"scope": "end_user", "end_user": "ann", "amount": "1"},
            [],
            ["There is a budget of this subject and period already."],
        ),
    ],
)
def test_create_tells_what_is_wrong(form, told_at_field, told_above, at_admin, organization):
    make_budget(organization, scope="end_user", subject="ann")

    answer = at_admin.post("/console/budgets/new", {"period": "month", **form})

    assert answer.status in (409, 422)
    assert (errors(answer), notices(answer)) == (told_at_field, told_above)
    assert Budget.objects.count() == 1


def test_change_sends_only_what_was_changed(at_admin, organization):
    budget = make_budget(organization, amount="25", tokens=100)
    where = f"/console/budgets/{budget.public_id}"
    assert 'value="25"' in page(at_admin.get(where))

    answer = at_admin.post(where, {"amount": "25", "tokens": "", "revision": budget.revision})

    assert (answer.status, answer.headers["location"]) == (302, "/console/budgets")
    budget.refresh_from_db()
    assert (float(budget.amount), budget.tokens, budget.revision) == (25.0, None, 2)


def test_change_of_what_somebody_else_changed_is_refused(at_admin, organization):
    budget = make_budget(organization, amount="25", revision=2)

    answer = at_admin.post(f"/console/budgets/{budget.public_id}", {"amount": "30", "revision": 1})

    assert answer.status == 412
    assert Budget.objects.get().amount == 25


def test_change_is_for_administrators(at_user, organization):
    budget = make_budget(organization)
    where = f"/console/budgets/{budget.public_id}"

    assert at_user.post(where, {"amount": "1", "revision": 1}).status == 403
    assert "Change it" not in page(at_user.get(where))


def test_remove(at_admin, organization):
    budget = make_budget(organization)

    answer = at_admin.post(f"/console/budgets/{budget.public_id}/remove")

    assert (answer.status, answer.headers["location"]) == (302, "/console/budgets")
    assert Budget.objects.count() == 0


def test_new_key_is_given_a_budget(at_admin, organization):
    answer = at_admin.post(
        "/console/keys/new",
        {"name": "ci", "role": "user", "budget_amount": "2.5", "budget_period": "day"},
    )

    assert answer.status == 200
    assert ApiKey.objects.get().budget == {"amount": 2.5, "period": "day"}


def test_new_key_without_a_budget_has_none(at_admin, organization):
    at_admin.post("/console/keys/new", {"name": "ci", "role": "user", "budget_period": "day"})

    assert ApiKey.objects.get().budget is None


def test_new_key_with_a_wrong_budget(at_admin, organization):
    answer = at_admin.post(
        "/console/keys/new", {"name": "ci", "role": "user", "budget_amount": "0"}
    )

    assert (answer.status, errors(answer)) == (422, ["Must be a number above zero"])


@pytest.mark.parametrize(
    ("form", "budget"),
    [
        ({"budget_amount": "0.1", "budget_period": "month"}, {"amount": 0.1, "period": "month"}),
        ({"budget_amount": "0.1", "budget_period": "day"}, {"amount": 0.1, "period": "day"}),
        (
            {"budget_amount": "0.1", "budget_tokens": "50", "budget_period": "month"},
            {"amount": 0.1, "tokens": 50, "period": "month"},
        ),
        ({"budget_period": "month"}, None),
    ],
)
def test_key_is_given_another_budget(form, budget, at_admin, admin):
    key = make_key(admin, name="ci", budget={"amount": 0.1, "period": "month"}).key
    before = key.revision

    at_admin.post(f"/console/keys/{key.public_id}/edit", {"name": "ci", "revision": before, **form})

    key.refresh_from_db()
    is_same = budget == {"amount": 0.1, "period": "month"}
    assert (key.budget, key.revision) == (budget, before + (not is_same))


def test_key_shows_its_own_budget_and_those_beside_it(at_viewer, organization, admin):
    key = make_key(admin, name="ci", budget={"amount": 2.0, "period": "day"}).key
    make_usage(organization, at=timezone.now(), key=key.public_id, cost_nano=10**9)
    make_budget(
        organization, scope="key", subject=key.public_id, period="total", tokens=20, amount=None
    )

    answer = at_viewer.get(f"/console/keys/{key.public_id}")

    assert title(answer) == "ci"
    assert told(answer) == ["$1.00 of $2.00 spent · $1.00 left", "15 of 20 tokens spent · 5 left"]
    assert "Budget, each day" in page(answer)
    assert "Budget, in all" in page(answer)
