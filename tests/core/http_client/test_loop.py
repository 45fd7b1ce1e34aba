"""Calls out from threads: awaited for as long as somebody wants them, and given up with all they hold."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import Any

import pytest

from apps.core.http_client import loop
from apps.core.http_client.loop import Abandoned, call_while

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.01)


async def answer(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return 7


async def hold(has_let_go: Event) -> None:
    try:
        await asyncio.sleep(30)
    finally:
        has_let_go.set()


def test_it_is_awaited_while_it_is_wanted() -> None:
    assert call_while(answer(0.05), lambda: True) == 7


def test_what_nobody_wants_any_more_is_given_up() -> None:
    has_let_go = Event()

    with pytest.raises(Abandoned):
        call_while(hold(has_let_go), lambda: False)

    assert has_let_go.is_set()


def test_it_is_given_up_where_nobody_can_say_whether_it_is_wanted() -> None:
    has_let_go = Event()

    def fail() -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        call_while(hold(has_let_go), fail)

    assert has_let_go.is_set()


def test_its_own_timeout_is_its_own() -> None:
    async def time_out() -> None:
        raise TimeoutError("the model's")

    with pytest.raises(TimeoutError, match="the model's"):
        call_while(time_out(), lambda: True)


def test_what_it_comes_to_in_the_moment_of_looking_is_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the wait that ended and the look, it was done."""

    class Late:
        looks = 0

        def result(self, seconds: float | None = None) -> int:
            self.looks += 1
            if self.looks == 1:
                raise TimeoutError
            return 7

        def done(self) -> bool:
            return True

    def start(call: Any, _: Any) -> Late:
        call.close()
        return Late()

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", start)
    call = answer(0)

    assert call_while(call, lambda: True) == 7
    call.close()
