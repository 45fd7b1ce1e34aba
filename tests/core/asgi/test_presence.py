"""Work for somebody who waits: it ends when they hang up, and not before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.core.asgi import presence
from apps.core.asgi.body import ClientGone
from apps.core.asgi.presence import while_present


class Caller:
    """Listens for so many seconds."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    async def receive(self) -> dict[str, Any]:
        if self._seconds is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self._seconds or 0)
        return {"type": "http.disconnect"}


@pytest.fixture(autouse=True)
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)


async def work(seconds: float, ended: list[str]) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise
    ended.append("done")
    return "answer"


def run(caller: Any, seconds: float) -> tuple[str, list[str]]:
    ended: list[str] = []

    async def main() -> str:
        try:
            return await while_present(caller, work(seconds, ended))
        except ClientGone:
            return "gone"

    return asyncio.run(main()), ended


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_work_is_done_for_who_stays(seconds: float) -> None:
    assert run(Caller(None), seconds) == ("answer", ["done"])


def test_work_ends_with_who_leaves() -> None:
    assert run(Caller(0.02), 5.0) == ("gone", ["cancelled"])


def test_work_is_done_where_nobody_can_tell() -> None:
    class Nobody:
        receive = None

    assert run(Nobody(), 0.0) == ("answer", ["done"])


def test_another_s_cancelling_is_not_mistaken_for_leaving() -> None:
    ended: list[str] = []

    async def main() -> str:
        task = asyncio.create_task(while_present(Caller(None), work(5.0, ended)))  # type: ignore[arg-type]
        await asyncio.sleep(0.03)
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    assert asyncio.run(main()) == "cancelled"
    assert ended == ["cancelled"]


def test_an_error_of_the_work_is_told() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(while_present(Caller(None), fail()))  # type: ignore[arg-type]
