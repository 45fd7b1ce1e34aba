"""Which deployment a call goes to, and which next when that one fails. Pure: no clock, no I/O.

Priorities first, weights among equals. A sticky subject is placed by the one bucket function of the house, so that it
stays where it is for as long as its deployment does; anybody else falls anywhere. Deployments that are not well are
passed over, and tried as the last resort when nothing else is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import randrange

from apps.core.buckets import BUCKETS, bucket_of, pick
from apps.providers.domain.retries import BACK_OFF, PATIENCE, Failure, Next
from apps.providers.domain.tables import DeploymentView, RouteTable, RouteView, TargetView

IsWell = Callable[[DeploymentView], bool]


@dataclass(slots=True)
class Step:
    """One attempt to make: where, and how long to wait before."""

    deployment: DeploymentView
    route: RouteView
    wait_seconds: float = 0.0
    is_fallback: bool = False


def order_targets(
    targets: Sequence[TargetView], *, salt: str, subject: str | None
) -> list[DeploymentView]:
    """Every target that may get calls, the chosen one first. `subject` is None for whoever may fall anywhere.

    One without any weight gets none, not even in place of others: a rollout has taken it out.
    """
    if len(targets) == 1:
        return [targets[0].deployment] if targets[0].weight > 0 else []
    live = [target for target in targets if target.weight > 0]
    bucket = randrange(BUCKETS) if subject is None else bucket_of(subject, salt)  # noqa: S311 - a share, not a secret
    ordered: list[DeploymentView] = []
    for priority in sorted({target.priority for target in live}):
        rest = [target for target in live if target.priority == priority]
        while rest:
            index = pick([target.weight for target in rest], bucket) if len(rest) > 1 else 0
            ordered.append(rest.pop(index).deployment)
    return ordered


class Plan:
    """The attempts of one call, each decided when the one before has failed."""

    def __init__(
        self,
        table: RouteTable,
        route: RouteView,
        *,
        subject: str | None,
        is_well: IsWell,
        may_serve: IsWell,
    ) -> None:
        self._table = table
        self._subject = subject
        self._is_well = is_well
        self._may_serve = may_serve
        self._fallbacks = list(route.fallbacks)
        self._seen = {route.name}
        self._queue: list[DeploymentView] = []
        self._resort: list[Step] = []
        self._is_fallback = False
        self._tried = False
        self._waited = 0.0
        self._last: Step | None = None
        self._enter(route)

    def candidates(self) -> list[DeploymentView]:
        """What the first route could send the call to, the unwell included: what a price bound is made of."""
        return [*self._queue, *(step.deployment for step in self._resort)]

    def first(self) -> Step | None:
        """None when no deployment of the route or its fallbacks may serve this call."""
        return self._other(0.0) or self._fall_back() or self._last_resort()

    def after(self, failure: Failure) -> Step | None:
        """The next attempt, or None when no further one is to be made."""
        if failure.next is Next.STOP:
            return None
        if failure.is_overflow:
            self._drop_no_larger()
            return self._other(0.0) or self._fall_back()
        if failure.was_tried:
            self._retries -= 1
        if self._retries >= 0 and (step := self._other(0.0) or self._again(failure)):
            return step
        return self._fall_back() or (None if self._tried else self._last_resort())

    def narrow(self, suits: IsWell) -> None:
        """From now on those alone are tried; the last one may still come again."""
        may_serve = self._may_serve
        self._may_serve = lambda deployment: may_serve(deployment) and suits(deployment)
        self._queue = [one for one in self._queue if suits(one)]
        self._resort = [step for step in self._resort if suits(step.deployment)]

    def _enter(self, route: RouteView) -> None:
        self._queue = []
        for deployment in order_targets(route.targets, salt=route.id, subject=self._subject):
            if not self._may_serve(deployment):
                continue
            if self._is_well(deployment):
                self._queue.append(deployment)
            else:
                self._resort.append(Step(deployment, route, is_fallback=self._is_fallback))
        self._route = route
        self._retries = route.retries
        self._backed_off = 0

    def _take(self, step: Step) -> Step:
        self._last = step
        return step

    def _other(self, wait: float) -> Step | None:
        if not self._queue:
            return None
        self._tried = True
        return self._take(Step(self._queue.pop(0), self._route, wait, self._is_fallback))

    def _again(self, failure: Failure) -> Step | None:
        """The same one, where trying again may help and the wait is short."""
        if failure.next is not Next.AGAIN or self._last is None:
            return None
        wait = failure.retry_after
        if wait is None:
            wait = BACK_OFF * 2**self._backed_off
            self._backed_off += 1
        if wait + self._waited > PATIENCE:
            return None
        self._waited += wait
        last = self._last
        return self._take(Step(last.deployment, last.route, wait, last.is_fallback))

    def _fall_back(self) -> Step | None:
        while self._fallbacks:
            name = self._fallbacks.pop(0)
            route = self._table.routes.get(name)
            if route is None or name in self._seen:
                continue
            self._seen.add(name)
            self._fallbacks += route.fallbacks
            self._is_fallback = True
            self._enter(route)
            if step := self._other(0.0):
                return step
        return None

    def _last_resort(self) -> Step | None:
        if not self._resort:
            return None
        self._tried = True
        step, self._resort = self._resort[0], []
        return self._take(step)

    def _drop_no_larger(self) -> None:
        assert self._last is not None
        size = self._last.deployment.context_tokens or 0
        self._queue = [one for one in self._queue if (one.context_tokens or 0) > size]
