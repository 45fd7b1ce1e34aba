"""What goes wrong with model calls, as members of the one error tree."""

from __future__ import annotations

from typing import Any

from apps.core.errors import Conflict, Invalid, Limited, NotFound, TimedOut, Unavailable, Upstream


class UnknownModel(NotFound):
    """No route of that name, or one this key may not use: the two look alike."""

    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model {model[:80]!r} does not exist or you may not use it.", param="model"
        )


class BudgetExceeded(Limited):
    """Nothing is left of a budget. Trying again does not help, and the answer says so."""

    code = "budget_exceeded"
    message = "The budget is used up."

    def __init__(self, message: str | None = None, *, retry_after: int = 3600, **data: Any) -> None:
        super().__init__(message, retry_after=retry_after, **data)
        self.data.setdefault("should_retry", False)
        self.data.setdefault("type", "insufficient_quota")


class BudgetHeld(Limited):
    """Calls under way hold what is left of a budget; when they end there may be room again."""

    code = "budget_held"
    message = "Calls under way hold the rest of the budget. Try again in a moment."


class LedgerRebuilding(Unavailable):
    """What was spent is being counted again; calls under a budget wait for it."""

    code = "ledger_rebuilding"
    message = "The ledger is being rebuilt. Try again in a few seconds."


class UpstreamInvalid(Upstream):
    """The upstream answered 200 with something that is no answer."""

    code = "upstream_invalid"
    message = "The provider's answer could not be read."


class UpstreamCut(Upstream):
    """The upstream broke off in the middle of its answer."""

    code = "upstream_cut"
    message = "The provider broke off before its answer was whole."


class UpstreamRefused(Upstream):
    """The upstream said no, and it is not the caller's doing: its own credential, quota or failure."""

    code = "upstream_error"


class UpstreamLimited(Limited):
    """Every deployment of the route was told to slow down by its provider."""

    code = "upstream_rate_limited"
    message = "The provider asks to slow down."


class UpstreamTimedOut(TimedOut):
    code = "upstream_timeout"
    message = "The provider took too long."


class ContextOverflow(Invalid):
    """The prompt is longer than any deployment of the route takes."""

    code = "context_length_exceeded"


class RefusedByUpstream(Invalid):
    """The provider refused what the caller wrote; told in the provider's words."""

    code = "invalid_request_error"


class NoDeployment(Unavailable):
    """The route has no deployment that is well at the moment."""

    code = "no_deployment_available"
    message = "No deployment of this model is available at the moment."


class GuardrailRefused(Invalid):
    """A guardrail of the route does not let this through."""

    code = "guardrail_refused"


class NotOffered(Invalid):
    """The deployments of this route do not do that."""

    code = "operation_not_supported"


class InUse(Conflict):
    """Something still points at it."""

    code = "in_use"


class NameTaken(Conflict):
    code = "name_taken"
    message = "Another one has this name already."


class TooMany(Conflict):
    """There may be only so many of them in an organization."""

    code = "too_many"


class Managed(Conflict):
    """A rollout moves the route's targets at the moment."""

    code = "route_managed"
