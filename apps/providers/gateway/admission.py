"""A call's way in: its limit and its budget in one step, before anything goes upstream."""

from __future__ import annotations

from collections.abc import Iterable

from apps.core.asgi.pool import in_pool
from apps.core.limits import policy
from apps.core.limits.store import Check
from apps.providers.domain.budgets import NOTHING, Amount, Bound
from apps.providers.domain.calls import Call, Usage
from apps.providers.domain.continuation import MOST_TIMES, may_continue
from apps.providers.domain.costs import MILLION, bound_cost, cost_of
from apps.providers.domain.tables import DeploymentView
from apps.providers.domain.tokens import bound_text, estimate_text
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
    most_prompt = estimates.bounded_prompt(call) + bound_text(trace.prefill)
    again = MOST_TIMES if may_continue(call, trace.route) else 0
    most_nano = most_tokens = 0
    for deployment in candidates:
        tokens = estimates.most_completion(call, deployment)
        # Whoever goes on with a stream that broke off reads the prompt again, and what was said until then.
        prompt = most_prompt * (1 + again) + tokens * again
        most_nano = max(most_nano, bound_cost(deployment.price, prompt, tokens))
        most_tokens = max(most_tokens, prompt + tokens)
    if not candidates:
        return NOTHING, NOTHING
    first = candidates[0]
    prompt = estimates.likely_prompt(call, first) + estimate_text(trace.prefill)
    likely = Usage(prompt, estimates.likely_completion(call, first))
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
    tokens = min(_left(trace, deployment), estimates.most_completion(call, deployment))
    return max(1, tokens // estimates.choices(call))


def affords_more(trace: Trace, deployment: DeploymentView) -> bool:
    """Whether what is held for the call has room for another attempt, after those that broke off."""
    reservation = trace.reservation
    return reservation is None or not reservation.standings or _left(trace, deployment) > 0


def _left(trace: Trace, deployment: DeploymentView) -> int:
    """Tokens of an answer that the held room is enough for, once the prompt is paid."""
    assert trace.reservation is not None
    price, held, call = deployment.price, trace.reservation.held, trace.call
    learned = estimates.likely_prompt(call, deployment) + estimate_text(trace.prefill)
    bound = estimates.bounded_prompt(call) + bound_text(trace.prefill)
    prompt = min(bound, int(learned * MARGIN) + 8)
    tokens = held.tokens - prompt - (trace.past.total_tokens if trace.past else 0)
    if price.output:
        left = held.nano - trace.past_nano - bound_cost(price, prompt, 0)
        tokens = min(tokens, left * MILLION // price.output)
    return tokens
