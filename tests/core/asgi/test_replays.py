"""`Idempotency-Key` on the loop: what was answered is replayed, what came to nothing frees the key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from io import BytesIO

import pytest
from django.http import HttpResponse
from django.utils import timezone

from apps.core.actor import Actor, Identity
from apps.core.asgi import replays
from apps.core.asgi.pool import InlinePool, use_pool
from apps.core.asgi.request import GateRequest
from apps.core.errors import Conflict, NotFound
from apps.core.models import StoredAnswer
from apps.core.tenancy import organization_scope
from tests.factories.events import make_identity
from tests.factories.tenants import make_organization

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def ada(db: None) -> Iterator[Identity]:
    """Somebody within their organization, whose loop hops nowhere."""
    before = use_pool(InlinePool())
    identity = make_identity(make_organization())
    with organization_scope(identity.organization_id):
        yield identity
    use_pool(before)


class Deed:
    """Answers as it is told, and counts."""

    def __init__(self, status: int = 201, failure: BaseException | None = None) -> None:
        self.status = status
        self.failure = failure
        self.runs = 0

    async def __call__(self) -> HttpResponse:
        self.runs += 1
        if self.failure is not None:
            raise self.failure
        return HttpResponse(b"run %d" % self.runs, status=self.status, content_type="text/x-tried")


def ask(
    identity: Identity,
    run: Callable[[], Awaitable[HttpResponse]],
    *,
    key: str = "k1",
    body: bytes = b"{}",
) -> HttpResponse:
    return asyncio.run(replays.run_once(request_of(identity, body), key, run))


def request_of(identity: Identity, body: bytes) -> GateRequest:
    request = GateRequest({"type": "http", "method": "POST", "path": "/x", "headers": []})
    request.actor = Actor(identity)
    request.take_body(BytesIO(body), len(body))
    return request


def test_the_first_answer_is_given_again(ada: Identity) -> None:
    deed = Deed()

    first, second = ask(ada, deed), ask(ada, deed)

    assert deed.runs == 1
    assert (first.status_code, first.content) == (201, b"run 1")
    assert "Idempotency-Replayed" not in first.headers
    assert (second.status_code, second.content) == (201, b"run 1")
    assert second.headers["Content-Type"] == "text/x-tried"
    assert second.headers["Idempotency-Replayed"] == "true"


def test_another_key_is_another_deed(ada: Identity) -> None:
    deed = Deed()

    assert [ask(ada, deed, key=key).content for key in ("k1", "k2")] == [b"run 1", b"run 2"]


def test_another_organization_meets_no_answer_of_ours(ada: Identity) -> None:
    deed = Deed()
    ask(ada, deed)
    theirs = make_identity(make_organization(), principal=ada.principal)

    with organization_scope(theirs.organization_id):
        answer = ask(theirs, deed)

    assert (answer.content, deed.runs) == (b"run 2", 2)


def test_another_body_is_a_conflict(ada: Identity) -> None:
    deed = Deed()
    ask(ada, deed)

    with pytest.raises(Conflict) as refused:
        ask(ada, deed, body=b"[]")

    assert (refused.value.code, deed.runs) == ("idempotency_key_reused", 1)


@pytest.mark.parametrize(
    "failure", [NotFound(), ZeroDivisionError(), asyncio.CancelledError()], ids=repr
)
def test_what_is_raised_frees_the_key(ada: Identity, failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        ask(ada, Deed(failure=failure))

    assert StoredAnswer.objects.count() == 0
    assert ask(ada, Deed()).content == b"run 1"


@pytest.mark.parametrize(
    ("status", "runs"), [(200, 1), (202, 1), (404, 1), (409, 1), (422, 2), (429, 2), (503, 2)]
)
def test_an_answer_that_is_not_final_frees_the_key(ada: Identity, status: int, runs: int) -> None:
    deed = Deed(status)

    answers = [ask(ada, deed).status_code for _ in range(2)]

    assert (answers, deed.runs) == ([status] * 2, runs)


@pytest.mark.parametrize(("age", "is_believed"), [(29, True), (31, False)])
def test_a_claim_is_believed_for_half_an_hour(
    ada: Identity, age: int, *, is_believed: bool
) -> None:
    deed = Deed()
    ask(ada, deed)
    began = timezone.now() - timedelta(minutes=age)
    StoredAnswer.objects.update(status=None, created_at=began)  # as if it still ran

    if is_believed:
        with pytest.raises(Conflict) as refused:
            ask(ada, deed)
        assert (refused.value.code, deed.runs) == ("idempotency_in_flight", 1)
    else:
        assert (ask(ada, deed).content, deed.runs) == (b"run 2", 2)


def test_who_leaves_while_it_is_written_down_leaves_it_written(
    ada: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deed is done: whoever asks again by the key must hear of it."""

    async def slowly(function: Callable[..., object], /, *arguments: object) -> object:
        await asyncio.sleep(0.02)
        return await InlinePool().run(lambda: function(*arguments))

    async def story() -> None:
        claim = await replays.claim_key(request_of(ada, b"{}"), "k1")
        assert isinstance(claim, StoredAnswer)
        monkeypatch.setattr(replays, "in_pool", slowly)
        caller = asyncio.create_task(replays.settle(claim, HttpResponse(b"done")))
        await asyncio.sleep(0.01)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await asyncio.sleep(0.05)

    asyncio.run(story())

    assert [bytes(row.body) for row in StoredAnswer.objects.all()] == [b"done"]
