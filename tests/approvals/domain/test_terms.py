from __future__ import annotations

from types import SimpleNamespace

import pytest

from apps.approvals.domain import terms
from apps.approvals.domain.terms import Terms
from apps.core.errors import Invalid

ADA, BOB = "user_" + "a" * 32, "user_" + "b" * 32


@pytest.mark.parametrize(
    ("selectors", "chosen"),
    [
        (["*"], "*"),
        (["other"], None),
        (["*", "churn-*"], "churn-*"),
        (["churn-predictor", "churn-*", "*"], "churn-predictor"),
        (["churn-predict??", "churn-predictor*"], "churn-predictor*"),
        (["Churn-*"], None),
    ],
)
def test_choose_takes_what_speaks_of_the_name_most_closely(selectors, chosen):
    policies = [SimpleNamespace(pk=n, selector=each, quorum=1) for n, each in enumerate(selectors)]

    found = terms.choose(policies, "churn-predictor")

    assert (found and found.selector) == chosen


def test_choose_among_equals_takes_the_higher_quorum_then_the_older():
    policies = [SimpleNamespace(pk=n, selector="*", quorum=q) for n, q in enumerate([1, 2, 2])]

    assert terms.choose(policies, "any").pk == 1


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (Terms(1), Terms(2), Terms(2)),
        (Terms(2, (), 600), Terms(1, (), 60), Terms(2, (), 60)),
        (Terms(1, (), 600), Terms(1), Terms(1, (), 600)),
        (Terms(1, (ADA,)), Terms(1, (BOB,)), Terms(1, (ADA,))),
        (Terms(1), Terms(1, (BOB,)), Terms(1, (BOB,))),
        (Terms(2), Terms(1, (BOB,)), Terms(2)),
        (Terms(1, (ADA,)), Terms(3), Terms(1, (ADA,))),
    ],
)
def test_stricter_is_both_demands_at_once(first, second, both):
    assert terms.stricter(first, second) == both


@pytest.mark.parametrize("kind", ["", "promotion", "Model.promotion", "a.b.c", "a.", "a.b ", "ä.b"])
def test_check_kind_refuses(kind):
    with pytest.raises(Invalid):
        terms.check_kind(kind)


@pytest.mark.parametrize("quorum", [0, -1, 21])
def test_check_quorum_refuses(quorum):
    with pytest.raises(Invalid):
        terms.check_quorum(quorum)


@pytest.mark.parametrize("seconds", [0, 59, 90 * 86_400 + 1])
def test_check_expiry_refuses(seconds):
    with pytest.raises(Invalid):
        terms.check_expiry(seconds)


def test_check_reach_refuses_a_quorum_that_nobody_could_reach():
    with pytest.raises(Invalid):
        terms.check_reach(2, [ADA])


def test_check_approvers_keeps_each_once_and_names_what_is_no_id():
    with pytest.raises(Invalid) as refused:
        terms.check_approvers([ADA, "ada"])

    assert refused.value.fields[0].field == "approvers.1"
    assert terms.check_approvers([BOB, ADA, BOB]) == [BOB, ADA]
