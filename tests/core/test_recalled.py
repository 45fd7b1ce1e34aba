"""What is known of an organisation: loaded once for all who ask, dropped when told, never believed against the news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event

import pytest

from apps.core import changes, recalled
from apps.core.actor import Identity
from apps.core.recalled import Recalled
from apps.core.tenancy import current_organization_id
from tests.factories.events import make_identity

pytestmark = pytest.mark.unit


class Shop:
    """Where it is loaded from: tells how often, and of whom."""

    def __init__(self) -> None:
        self.loads: list[int] = []
        self.word = "first"
        self.gate: Event | None = None
        self.failure: Exception | None = None

    def load(self, organization_id: int) -> str:
        assert current_organization_id() == organization_id
        self.loads.append(organization_id)
        found = f"{self.word} of {organization_id}"
        if self.gate is not None:
            assert self.gate.wait(5)
        if self.failure is not None:
            raise self.failure
        return found


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says that a scope has changed; polls succeed all the time."""
    monkeypatch.setattr(changes, "_listeners", [])
    monkeypatch.setattr(changes, "are_caches_trusted", lambda: True)
    return changes._tell


@pytest.fixture
def known(tell: Callable[[str], None], shop: Shop) -> Recalled[str]:
    return Recalled("things:", shop.load)


def who(number: int) -> Identity:
    return make_identity(organization_id=number, organization=f"org_{number}")


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - threads tell no loop how far they are
            await asyncio.sleep(0.002)


async def test_it_is_loaded_once_and_recalled(known: Recalled[str], shop: Shop) -> None:
    before = known.recall("org_1")

    found = [await known.find(who(1)), await known.find(who(1)), known.recall("org_1")]

    assert (before, found, shop.loads) == (None, ["first of 1"] * 3, [1])


async def test_each_organization_has_its_own(known: Recalled[str], shop: Shop) -> None:
    found = [await known.find(who(1)), await known.find(who(2)), await known.find(who(1))]

    assert (found, shop.loads) == (["first of 1", "first of 2", "first of 1"], [1, 2])


async def test_one_loads_for_all_who_ask_at_once(known: Recalled[str], shop: Shop) -> None:
    shop.gate = Event()
    asking = [asyncio.create_task(known.find(who(1))) for _ in range(5)]
    await until(lambda: bool(shop.loads))

    shop.gate.set()

    assert (await asyncio.gather(*asking), shop.loads) == (["first of 1"] * 5, [1])


async def test_the_first_may_leave_and_the_others_are_told(
    known: Recalled[str], shop: Shop
) -> None:
    shop.gate = Event()
    leaves = asyncio.create_task(known.find(who(1)))
    stays = asyncio.create_task(known.find(who(1)))
    await until(lambda: bool(shop.loads))
    leaves.cancel()
    await asyncio.sleep(0)

    shop.gate.set()

    assert (await stays, leaves.cancelled(), shop.loads) == ("first of 1", True, [1])


async def test_a_failure_is_told_and_not_remembered(known: Recalled[str], shop: Shop) -> None:
    shop.failure = OSError("away")
    with pytest.raises(OSError, match="away"):
        await known.find(who(1))
    shop.failure = None

    assert (await known.find(who(1)), shop.loads) == ("first of 1", [1, 1])


@pytest.mark.parametrize(
    ("scope", "loads"),
    [("things:org_1", [1, 2, 1]), ("things:", [1, 2, 1, 2]), ("others:org_1", [1, 2])],
)
async def test_news_drop_what_they_are_about(
    known: Recalled[str], shop: Shop, tell: Callable[[str], None], scope: str, loads: list[int]
) -> None:
    await known.find(who(1))
    await known.find(who(2))

    tell(scope)
    await known.find(who(1))
    await known.find(who(2))

    assert shop.loads == loads


async def test_forget_drops_everything(known: Recalled[str], shop: Shop) -> None:
    await known.find(who(1))

    known.forget()

    assert known.recall("org_1") is None


async def test_what_was_being_loaded_when_news_came_is_not_kept(
    known: Recalled[str], shop: Shop, tell: Callable[[str], None]
) -> None:
    shop.gate = Event()
    early = asyncio.create_task(known.find(who(1)))
    await until(lambda: shop.loads == [1])
    shop.word = "second"
    tell("things:org_1")
    late = asyncio.create_task(known.find(who(1)))
    await until(lambda: shop.loads == [1, 1])

    shop.gate.set()

    assert [await early, await late] == ["first of 1", "second of 1"]
    assert known.recall("org_1") == "second of 1"


async def test_without_news_nothing_is_believed(
    known: Recalled[str], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known.find(who(1))
    monkeypatch.setattr(changes, "are_caches_trusted", lambda: False)

    assert (known.recall("org_1"), await known.find(who(1)), shop.loads) == (
        None,
        "first of 1",
        [1, 1],
    )


async def test_the_one_loaded_longest_ago_makes_room(
    known: Recalled[str], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalled, "CAPACITY", 2)
    for number in (1, 2, 3):
        await known.find(who(number))

    assert [known.recall(f"org_{number}") for number in (1, 2, 3)] == [
        None,
        "first of 2",
        "first of 3",
    ]


def test_a_loop_does_not_wait_for_another_one(known: Recalled[str], shop: Shop) -> None:
    shop.gate = Event()
    other = asyncio.new_event_loop()

    async def begin() -> asyncio.Task[str]:
        asking = asyncio.create_task(known.find(who(1)))
        await until(lambda: bool(shop.loads))
        return asking

    asking = other.run_until_complete(begin())
    shop.gate.set()

    assert asyncio.run(known.find(who(1))) == "first of 1"
    assert other.run_until_complete(asking) == "first of 1"
    other.close()
