"""A call's way in: its limit and its budget in one step, before anything goes upstream."""

from __future__ import annotations

from collections.abc import Iterable

from apps.core.asgi.pool import in_pool
from apps.core.limits import policy
from apps.core.limits.store import Check
from apps.providers.domain.budgets import NOTHING, Amount, Bound
from apps.providers.domain.calls import Call, Usage
from apps.providers.domain.costs import MILLION, bound_cost, cost_of
from apps.providers.domain.tables import DeploymentView
from apps.providers.enums import Operation
from apps.providers.gateway import estimates
from apps.providers.gateway.trace import Trace
from apps.providers.ledger import bounds as budgets
from apps.providers.ledger.factory import get_ledger
from apps.providers.ledger.protocol import LASTS_SECONDS, Ask

SLACK_SECONDS = 60.0
"""A reservation outlasts its call's time-out by this much."""
MARGIN = 1.25
"""On the learned length of a prompt, where what is left of a budget hangs on it."""


def limit_class(call: Call) -> str:
    return "chat" if call.operation is Operation.CHAT else "default"


def checks_for(trace: Trace) -> list[Check]:
    return policy.checks_of(trace.actor.identity, limit_class(trace.call))


async def reserve(trace: Trace, candidates: list[DeploymentView], checks: Iterable[Check]) -> None:
    """Charge the limit and hold what the call can cost. Raises `Limited`, `BudgetExceeded` and their kin."""
    ledger = get_ledger()
    # An answer that is there costs nothing, so no budget is asked for it.
    bounds = () if trace.is_cached else await _bounds(trace)
    most = likely = NOTHING
    lasts = LASTS_SECONDS
    if bounds:
        most, likely = _amounts(trace, candidates)
        lasts = max([lasts, *(one.timeout_seconds + SLACK_SECONDS for one in candidates)])
    trace.reservation = reservation = await ledger.reserve(
        Ask(
            organization=trace.actor.organization_id,
            checks=tuple(checks),
            bounds=bounds,
            most=most,
            likely=likely,
            at=trace.at,
            lasts=lasts,
        )
    )
    reservation.demand()


async def _bounds(trace: Trace) -> tuple[Bound, ...]:
    identity, end_user, at = trace.actor.identity, trace.call.end_user, trace.at
    known = budgets.recall(identity, end_user, at)
    if known is None:
        known = await in_pool(budgets.load, identity, end_user, at)
    return known


def _amounts(trace: Trace, candidates: list[DeploymentView]) -> tuple[Amount, Amount]:
    """The most it can cost at any deployment it may go to, and what it comes to as a rule at the first."""
    call = trace.call
    trace.prompt_estimate = estimates.estimated_prompt(call)
    most_prompt = estimates.bounded_prompt(call)
    most_nano = most_tokens = 0
    for deployment in candidates:
        tokens = estimates.most_completion(call, deployment)
        most_nano = max(most_nano, bound_cost(deployment.price, most_prompt, tokens))
        most_tokens = max(most_tokens, most_prompt + tokens)
    if not candidates:
        return NOTHING, NOTHING
    first = candidates[0]
    likely = Usage(estimates.likely_prompt(call, first), estimates.likely_completion(call, first))
    return (
        Amount(most_nano, most_tokens),
        Amount(min(most_nano, cost_of(first.price, likely)), min(most_tokens, likely.total_tokens)),
    )


def affordable_completion(trace: Trace, deployment: DeploymentView) -> int | None:
    """How long each choice of the answer may be under the budgets; None where they do not shorten it.

    Who named no length is given one as well: what was reserved is what may be spent.
    """
    reservation, call = trace.reservation, trace.call
    if reservation is None or not reservation.standings:
        return None
    if not reservation.is_clamped and estimates.asked_completion(call) is not None:
        return None
    price, held = deployment.price, reservation.held
    prompt = min(
        estimates.bounded_prompt(call), int(estimates.likely_prompt(call, deployment) * MARGIN) + 8
    )
    tokens = held.tokens - prompt
    if price.output:
        left = held.nano - bound_cost(price, prompt, 0)
        tokens = min(tokens, left * MILLION // price.output)
    return max(1, tokens // estimates.choices(call))
