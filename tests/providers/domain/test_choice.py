"""Which deployment gets a call, and which the next attempt."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from apps.core.buckets import bucket_of, pick
from apps.providers.domain.choice import Plan, Step, order_targets
from apps.providers.domain.retries import BACK_OFF, PATIENCE, Failure, Next
from apps.providers.domain.tables import (
    DeploymentView,
    ProviderView,
    RouteTable,
    RouteView,
    TargetView,
)
from apps.providers.enums import ProviderKind
from apps.providers.errors import UpstreamRefused

PROVIDER = ProviderView("prov_1", "fake", ProviderKind.OPENAI_COMPATIBLE, "http://fake/v1")
AGAIN = Failure(UpstreamRefused(), Next.AGAIN, is_unwell=True)
OTHER = Failure(UpstreamRefused(), Next.OTHER, is_unwell=True)
STOP = Failure(UpstreamRefused(), Next.STOP)
OVERFLOW = Failure(UpstreamRefused(), Next.OTHER, is_overflow=True)
BUSY = Failure(UpstreamRefused(), Next.AGAIN, retry_after=1.0, was_tried=False)


def deployment(name: str, **values: Any) -> DeploymentView:
    return DeploymentView(f"dep_{name}", name, PROVIDER, name, **values)


def target(name: str, weight: float = 1.0, priority: int = 0, **values: Any) -> TargetView:
    return TargetView(deployment(name, **values), weight, priority)


def route(*targets: TargetView, name: str = "m", **values: Any) -> RouteView:
    return RouteView(f"route_{name}", name, targets, **values)


def plan(
    first: RouteView, *others: RouteView, unwell: str = "", unable: str = "", subject: str = "ada"
) -> Plan:
    table = RouteTable("org_1", {one.name: one for one in (first, *others)})
    return Plan(
        table,
        first,
        subject=subject,
        is_well=lambda one: one.name not in unwell,
        may_serve=lambda one: one.name not in unable,
    )


def names(made: Plan, *failures: Failure) -> list[str]:
    first = made.first()
    return [first.deployment.name if first else "-", *names_after(made, *failures)]


def names_after(made: Plan, *failures: Failure) -> list[str]:
    steps: list[Step | None] = [made.after(failure) for failure in failures]
    return [step.deployment.name if step else "-" for step in steps]


def test_order_targets_tries_lower_priorities_first():
    ordered = order_targets(
        [target("c", priority=2), target("a"), target("b", priority=1)], salt="r", subject="ada"
    )

    assert [one.name for one in ordered] == ["a", "b", "c"]


def test_order_targets_places_a_subject_by_the_house_s_buckets():
    targets = [target("a", 70), target("b", 20), target("c", 10)]

    for number in range(200):
        subject = f"subject-{number}"
        chosen = order_targets(targets, salt="route_1", subject=subject)[0].name
        assert chosen == "abc"[pick([70, 20, 10], bucket_of(subject, "route_1"))]


def test_order_targets_keeps_every_other_subject_when_a_share_grows():
    before = [target("a", 90), target("b", 10)]
    after = [target("a", 70), target("b", 30)]
    moved = Counter(
        (
            order_targets(before, salt="r", subject=str(number))[0].name,
            order_targets(after, salt="r", subject=str(number))[0].name,
        )
        for number in range(2000)
    )

    assert moved["b", "a"] == 0
    assert 300 < moved["a", "b"] < 500


def test_order_targets_spreads_who_sticks_to_nothing_by_weight():
    targets = [target("a", 3), target("b", 1)]
    shares = Counter(order_targets(targets, salt="r", subject=None)[0].name for _ in range(4000))

    assert 2800 < shares["a"] < 3200


@pytest.mark.parametrize("targets", [[target("a", 0)], [target("a", 0), target("b", 1)]])
def test_order_targets_gives_nothing_to_what_has_no_weight(targets: list[TargetView]):
    ordered = order_targets(targets, salt="r", subject="ada")

    assert [one.name for one in ordered] == [one.deployment.name for one in targets if one.weight]


def test_a_subject_stays_while_another_deployment_is_unwell():
    both = route(target("a", 1), target("b", 1))
    at_a = [str(number) for number in range(200) if names(plan(both, subject=str(number))) == ["a"]]

    assert all(names(plan(both, subject=one, unwell="b")) == ["a"] for one in at_a)
    assert 60 < len(at_a) < 140


def test_what_is_unwell_is_passed_over_and_tried_as_the_last_resort():
    two = route(target("a"), target("b", priority=1))

    assert names(plan(two, unwell="a")) == ["b"]
    assert names(plan(two, unwell="ab")) == ["a"]


def test_fallbacks_come_before_what_is_unwell():
    first = route(target("a"), fallbacks=("spare",))
    spare = route(target("s"), name="spare")

    assert names(plan(first, spare, unwell="a")) == ["s"]
    assert names(plan(first, spare, unwell="as")) == ["a"]


def test_nothing_is_tried_where_nobody_may_serve():
    assert names(plan(route(target("a")), unable="a")) == ["-"]


def test_retries_go_to_others_first_and_then_to_the_same():
    three = route(target("a"), target("b", priority=1), retries=3)

    assert names(plan(three), AGAIN, AGAIN, AGAIN, AGAIN) == ["a", "b", "b", "b", "-"]


def test_retries_are_counted():
    many = route(*(target(name, priority=index) for index, name in enumerate("abcdef")), retries=2)

    assert names(plan(many), OTHER, OTHER, OTHER) == ["a", "b", "c", "-"]


def test_after_the_retries_come_the_fallbacks_with_retries_of_their_own():
    first = route(target("a"), target("b", priority=1), retries=0, fallbacks=("spare", "m"))
    spare = route(target("s"), name="spare", retries=1)
    made = plan(first, spare)

    assert names(made, AGAIN, AGAIN, AGAIN) == ["a", "s", "s", "-"]


def test_a_fallback_of_a_fallback_is_tried_and_no_route_twice():
    first = route(target("a"), retries=0, fallbacks=("second",))
    second = route(target("b"), name="second", retries=0, fallbacks=("third", "m"))
    third = route(target("c"), name="third", retries=0, fallbacks=("second",))

    assert names(plan(first, second, third), OTHER, OTHER, OTHER) == ["a", "b", "c", "-"]


def test_a_fallback_that_is_gone_is_passed_over():
    assert names(plan(route(target("a"), retries=0, fallbacks=("gone",))), OTHER) == ["a", "-"]


def test_what_the_caller_did_wrong_is_not_tried_again():
    first = route(target("a"), target("b"), fallbacks=("spare",))

    assert names(plan(first, route(target("s"), name="spare")), STOP)[1] == "-"


def test_a_plan_that_is_narrowed_passes_over_the_others_in_fallbacks_too():
    targets = [target(name, priority=number) for number, name in enumerate("abcd")]
    first = route(*targets, retries=9, fallbacks=("spare",))
    spare = route(target("b", priority=0), target("s", priority=1), name="spare", retries=0)
    made = plan(first, spare, unwell="d")
    made.first()

    made.narrow(lambda one: one.name in "cs")

    assert names_after(made, OTHER, OTHER, OTHER) == ["c", "s", "-"]


def test_a_plan_that_is_narrowed_still_asks_the_last_one_again():
    made = plan(route(target("a"), target("b", priority=1)))
    made.first()

    made.narrow(lambda one: one.name == "a")

    assert names_after(made, AGAIN) == ["a"]


def test_what_will_not_do_is_not_asked_twice():
    assert names(plan(route(target("a"), retries=5)), OTHER) == ["a", "-"]


def test_the_same_one_is_given_time():
    made = plan(route(target("a"), retries=3))
    made.first()
    waits = [step.wait_seconds if (step := made.after(AGAIN)) else None for _ in range(4)]

    assert waits == [BACK_OFF, BACK_OFF * 2, BACK_OFF * 4, None]


@pytest.mark.parametrize(("retry_after", "wait"), [(0.0, 0.0), (3.0, 3.0), (PATIENCE + 1, None)])
def test_a_wait_the_upstream_names_is_kept_to_when_short(retry_after: float, wait: float | None):
    made = plan(route(target("a")))
    made.first()
    step = made.after(Failure(UpstreamRefused(), Next.AGAIN, retry_after=retry_after))

    assert (step.wait_seconds if step else None) == wait


def test_waits_are_bounded_together():
    made = plan(route(target("a"), retries=0))
    made.first()
    steps = [made.after(BUSY) for _ in range(12)]

    assert sum(step is not None for step in steps) == PATIENCE


def test_another_one_is_asked_at_once_whatever_the_first_says():
    made = plan(route(target("a"), target("b", priority=1)))
    made.first()
    step = made.after(Failure(UpstreamRefused(), Next.AGAIN, retry_after=9.0))

    assert step is not None
    assert (step.deployment.name, step.wait_seconds) == ("b", 0.0)


def test_a_prompt_too_long_goes_only_where_more_fits():
    small, same = target("small", context_tokens=4000), target("same", context_tokens=4000)
    unknown = target("unknown")
    large = target("large", priority=1, context_tokens=8000)
    first = route(small, same, unknown, large, retries=0, fallbacks=("spare",))
    spare = route(target("s"), name="spare")
    made = plan(first, spare)
    begun = made.first()
    assert begun is not None

    following = [made.after(OVERFLOW), made.after(OVERFLOW), made.after(OVERFLOW)]

    assert begun.deployment.name in {"small", "same", "unknown"}
    assert [step.deployment.name if step else "-" for step in following][-2:] in (
        ["s", "-"],
        ["large", "s"],
    )


def test_a_step_says_whether_it_is_a_fallback():
    made = plan(route(target("a"), retries=0, fallbacks=("s",)), route(target("s"), name="s"))
    first, second = made.first(), made.after(OTHER)

    assert first is not None
    assert second is not None
    assert (first.is_fallback, second.is_fallback) == (False, True)
