"""Completions as jobs: asked for by a header, made by a worker, cancelled upstream, paid once."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from apps.core import changes
from apps.core.actor import Actor, Credential, CredentialKind, Role
from apps.core.asgi.pool import InlinePool, use_pool
from apps.core.errors import Upstream
from apps.core.tenancy import organization_scope
from apps.jobs.domain.kinds import Cancelled, Refused
from apps.jobs.models import Job
from apps.keys.services import keys
from apps.providers.domain.calls import Answer
from apps.providers.errors import BudgetExceeded, UpstreamRefused
from apps.providers.gateway import background, engine, table
from apps.providers.ledger import bounds
from apps.providers.queries import tables
from apps.providers.services.completions import CompletionPayload
from tests.factories.tenants import actor_of, make_admin
from tests.providers.gateway.house import HELLO, House

PREFER = {"Prefer": "respond-async"}
BODY = {"model": "m", "messages": HELLO}


class Run:
    """Implements `jobs.domain.kinds.Context`, as far as it is asked."""

    job_id = "job_1"
    attempt = 1

    def __init__(self, actor: Actor | None) -> None:
        self.actor = actor
        self.stop = threading.Event()

    def is_cancelled(self) -> bool:
        return self.stop.is_set()


def payload(**body: Any) -> CompletionPayload:
    return CompletionPayload.model_validate({"operation": "chat", "body": {**BODY, **body}})


def run(context: Run, asked: CompletionPayload | None = None) -> Any:
    return background.complete_for_job(context, (asked or payload()).call())  # type: ignore[arg-type]


@pytest.fixture
def actor(house: House) -> Any:
    actor = actor_of(make_admin(house.organization))
    with organization_scope(house.organization.pk):
        yield actor


def answered(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[Actor]:
    """Let the engine answer so, call by call; who asked."""
    asked: list[Actor] = []

    async def complete(actor: Actor, call: Any) -> Any:
        asked.append(actor)
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return engine.Reply(Answer(answer), None)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "complete", complete)
    return asked


# ------------------------------------------------------------------ the door


def test_a_call_becomes_a_job(house: House) -> None:
    house.route("ok")

    answer = house.chat(headers=PREFER, provider="openai_compatible")

    with organization_scope(house.organization.pk):
        job = Job.objects.get()
    body = answer.json()
    assert answer.status == 202
    assert (body["job_id"], body["status"]) == (job.public_id, "queued")
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["location"] == f"/api/v1/jobs/{job.public_id}"
    assert (job.kind, job.payload) == (
        "providers.completion",
        {
            "operation": "chat",
            "body": {**BODY, "provider": "openai_compatible"},
            "session": "",
            "cache_control": "",
        },
    )
    assert house.calls == []


@pytest.mark.parametrize(
    ("path", "body", "operation"),
    [
        ("/v1/completions", {"model": "m", "prompt": "x"}, "completion"),
        ("/v1/embeddings", {"model": "m", "input": "x"}, "embeddings"),
        ("/v1/messages", {**BODY, "max_tokens": 5}, "messages"),
    ],
)
def test_every_door_does_it(house: House, path: str, body: Any, operation: str) -> None:
    answer = house.post(path, body, headers={"Prefer": "wait=5, respond-async"})

    with organization_scope(house.organization.pk):
        assert (answer.status, Job.objects.get().payload["operation"]) == (202, operation)


def test_what_is_wrong_is_told_at_once(house: House) -> None:
    wrong = house.chat(headers=PREFER, temperature=9)
    streamed = house.chat(headers=PREFER, stream=True)

    assert (wrong.status, wrong.json()["error"]["param"]) == (422, "temperature")
    assert streamed.status == 422
    with organization_scope(house.organization.pk):
        assert Job.objects.count() == 0


def test_a_key_of_idempotency_makes_one_job(house: House) -> None:
    headers = {**PREFER, "Idempotency-Key": "once"}

    first, second = house.chat(headers=headers), house.chat(headers=headers)

    assert first.json() == second.json()
    with organization_scope(house.organization.pk):
        assert Job.objects.count() == 1


# ------------------------------------------------------------------ the worker


def test_an_answer_is_paid_for_once(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt is that of a worker that follows one killed before its job had ended."""
    asked = answered(monkeypatch, {"id": "first"}, {"id": "second"})

    assert [run(Run(actor)), run(Run(actor))] == [{"id": "first"}, {"id": "first"}]
    assert len(asked) == 1


def test_what_cannot_ever_succeed_is_final(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, BudgetExceeded(), UpstreamRefused("no"), {"id": "third"})

    with pytest.raises(Refused) as refused:
        run(Run(actor))
    with pytest.raises(Upstream):  # the job's next attempt may fare better
        run(Run(actor))

    assert refused.value.code == "budget_exceeded"
    assert run(Run(actor)) == {"id": "third"}


def test_it_acts_with_the_terms_of_the_key_that_asked(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = keys.issue_key(
        actor=actor,
        name="k",
        role=Role.USER,
        models=["m"],
        limits={"chat": "3/m"},
        budget={"amount": 1, "period": "day"},
    )
    asked = answered(monkeypatch, {"id": "a"}, {"id": "b"})
    by_key = _by_key(actor, issued.key.public_id)

    run(Run(by_key))
    keys.revoke_key(actor=actor, key_id=issued.key.public_id)
    ended = Run(by_key)
    ended.job_id = "job_2"
    with pytest.raises(Refused) as refused:
        run(ended)

    (identity,) = [each.identity for each in asked]
    assert identity.models == frozenset({"m"})
    assert identity.budget is not None
    assert list(identity.limits) == ["chat"]
    assert refused.value.code == "key_ended"


def _by_key(actor: Actor, key_id: str) -> Actor:
    credential = Credential(CredentialKind.KEY, key_id)
    return replace(actor, identity=replace(actor.identity, credential=credential))


def test_a_cancelled_job_ends_its_call_upstream(house: House, actor: Actor) -> None:
    """On the worker's own loop, with the table and the ledger this process has."""
    house.route("ok?ttft=30")
    context = Run(actor)
    before = use_pool(InlinePool())
    threading.Timer(1.0, context.stop.set).start()
    try:
        _warm(actor)
        with pytest.raises(Cancelled):
            run(context)
    finally:
        use_pool(before)

    assert house.record["status"] == "cancelled"
    (seen,) = house.llm.wait_for(lambda calls: calls[0].left_after is not None)
    assert seen.left_after is not None
    assert seen.left_after < 3


def _warm(actor: Actor) -> None:
    """What the loop's thread would read from the database is within this test's transaction."""
    identity = actor.identity
    changes.poll_changes()
    table.known._known[identity.organization] = tables.load_table(identity.organization_id)
    bounds._known[identity.organization] = ()
