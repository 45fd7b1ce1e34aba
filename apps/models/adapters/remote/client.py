"""An `Executor` whose model another server has: a batch is one call, within our limits of addresses, time and size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from apps.core.asgi.pool import in_pool
from apps.core.errors import Upstream
from apps.core.http_client import client
from apps.core.http_client.errors import CallFailed, Forbidden
from apps.models.adapters.remote import wire
from apps.models.adapters.runtimes import blackbox
from apps.models.domain.explanations import plan_shapley
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Blueprint, Explanation, Scored
from apps.models.errors import ModelUnavailable, ScoringFailed

P = ParamSpec("P")
T = TypeVar("T")
MOST_ANSWER = 32 * 1024 * 1024
LONG_ANSWER = 64 * 1024
LONG_CELLS = 20_000
WIDE = 100
"""Answers, rows and explanations beyond these sizes are worked on beside the loop: another's server may say megabytes."""
EXPLAIN_BUDGET = 400
"""Rows sent for an explanation, about: they cross a network."""
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
AWAY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
UNREACHED = frozenset({"refused", "unknown_host"})


class RemoteExecutor:
    is_instant = False
    memory = 0

    def __init__(self, blueprint: Blueprint, *, timeout: float) -> None:
        self._blueprint = blueprint
        self._limits = client.Limits(seconds=timeout, body=MOST_ANSWER)
        self._protocol = str(blueprint.described.details["protocol"])
        self._url = wire.address_of(blueprint.described)

    async def score(self, rows: Sequence[Row]) -> list[Scored]:
        """Raises `ModelUnavailable`, `TimedOut`, `ScoringFailed`, `Upstream`."""
        if not rows:
            return []
        is_long = len(rows) * len(rows[0]) > LONG_CELLS
        body = await _beside(is_long, wire.write_rows, self._protocol, self._blueprint.schema, rows)
        said = await self._post(body)
        is_long = len(said) > LONG_ANSWER
        return await _beside(is_long, wire.read_answers, self._protocol, said, len(rows))

    async def explain(self, row: Row) -> Explanation:
        background, is_wide = self._blueprint.background, len(row) > WIDE
        plan = await _beside(is_wide, plan_shapley, row, background, budget=EXPLAIN_BUDGET)
        reference, *answers = await self.score([row, *plan.rows])
        outputs = [blackbox.read_output(each, reference) for each in answers]
        base, values = plan.finish(outputs)
        return Explanation(base, values, blackbox.output_of(reference))

    async def close(self) -> None:
        """Connections are all calls' own."""

    async def _post(self, body: bytes) -> bytes:
        try:
            reply = await client.call(
                "POST", self._url, headers=HEADERS, body=body, limits=self._limits
            )
        except Forbidden as error:
            raise Upstream(f"The address of the model {error}.", code="forbidden_address") from None
        except CallFailed as error:
            if error.reason in UNREACHED:
                raise ModelUnavailable(f"The model's server is away: {error.message}") from None
            raise
        if reply.status in AWAY:
            raise ModelUnavailable("The model's server takes no calls at present.")
        if HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ScoringFailed(f"The model's server refused the rows ({reply.status}).")
        if reply.status != HTTPStatus.OK:
            raise Upstream(f"The model's server answered {reply.status}.")
        if reply.is_cut:
            raise Upstream("The model's server answers more than we take.")
        return reply.body


async def _beside(is_long: bool, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    return await in_pool(work, *args, **kwargs) if is_long else work(*args, **kwargs)
