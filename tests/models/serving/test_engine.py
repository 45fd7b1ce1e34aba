"""A prediction's way: remembered, coalesced, recorded, whole under a promotion."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from apps.core import changes
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import Invalid, TimedOut
from apps.core.tenancy import organization_scope
from apps.models.domain.answers import Answered
from apps.models.domain.asking import Ask, BatchAsk, BatchRow
from apps.models.domain.log import Entry, read_record
from apps.models.enums import Source, Stage
from apps.models.errors import ScoringFailed
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.services import stages
from apps.models.serving import engine, executors, recording, rooms
from apps.models.serving.rooms import room
from tests.factories.models import make_version
from tests.models.serving.conftest import run
from tests.models.serving.fakes import FakeExecutor

pytestmark = pytest.mark.integration
ROW = {"tenure": 12, "contract": "Month-to-month"}
ASK = Ask("churn", ROW, customer="CUST1")


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """What goes into the spool, read back from its own form."""
    taken: list[Entry] = []

    def append(kind: str, value: Any) -> bool:
        taken.append(read_record([*value[:7], value[7].isoformat(), *value[8:]]))
        return True

    monkeypatch.setattr(recording.spool, "append", append)
    return taken


def with_executor(monkeypatch: pytest.MonkeyPatch, executor: Any) -> None:
    """The model is scored by this one, whatever it is."""

    async def opened(self: Any, organization_id: int, view: Any) -> Any:
        return executor

    monkeypatch.setattr(rooms.Openers, "open", opened)


class RowExecutor(FakeExecutor):
    async def score(self, rows: Any) -> Any:
        return await super().score([(float(row[0]),) for row in rows])


def test_the_same_row_again_is_answered_from_memory_as_another_prediction(
    actor: Actor, version: ModelVersion, entries: list[Entry]
) -> None:
    async def scene() -> list[Answered]:
        return [await engine.predict(actor, ASK) for _ in range(2)]

    first, second = run(scene())

    assert (first.is_cached, second.is_cached) == (False, True)
    assert first.scored == second.scored
    assert first.id != second.id
    assert [entry.cached for entry in entries] == [0, 1]


def test_an_explanation_asked_for_later_is_made_for_the_answer_that_is_there(
    actor: Actor, version: ModelVersion, entries: list[Entry]
) -> None:
    async def scene() -> list[Answered]:
        explained = replace(ASK, is_explained=True)
        return [await engine.predict(actor, ask) for ask in (ASK, explained, explained, ASK)]

    answered = run(scene())

    assert [each.is_cached for each in answered] == [False, False, True, True]
    assert [each.explanation is None for each in answered] == [True, False, False, True]


def test_what_was_predicted_is_recorded_with_the_row_as_it_was_scored(
    actor: Actor, version: ModelVersion, entries: list[Entry]
) -> None:
    answered = run(engine.predict(actor, replace(ASK, features={**ROW, "tenure": 12.0})))

    entry = entries[0]
    assert (entry.model, entry.version, entry.source, entry.predictions) == (
        "churn",
        "1.2.0",
        "single",
        1,
    )
    line = entry.lines[0]
    assert (line.id, line.customer, line.features) == (answered.id, "CUST1", ROW)
    assert (line.prediction, line.probability) == (1, answered.scored.probability)


@pytest.mark.parametrize(("share", "logged"), [(0.0, 0), (1.0, 1)])
def test_a_model_is_logged_as_much_as_it_says_and_counted_always(
    actor: Actor, model: RegisteredModel, version: ModelVersion, entries: list[Entry], share: float, logged: int
) -> None:  # fmt: skip
    RegisteredModel.objects.filter(pk=model.pk).update(log_share=share)

    run(engine.predict(actor, ASK))

    assert (len(entries[0].lines), entries[0].predictions) == (logged, 1)


def test_the_log_can_be_switched_off(
    actor: Actor, version: ModelVersion, entries: list[Entry], settings: Any
) -> None:
    settings.SIGNALBOX_PREDICTION_LOG = False

    run(engine.predict(actor, ASK))

    assert (entries[0].lines, entries[0].predictions) == ((), 1)


def test_those_who_ask_the_same_at_once_ask_the_model_once(
    actor: Actor, version: ModelVersion, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> tuple[list[Answered], FakeExecutor]:
        executor = RowExecutor()
        executor.gate.clear()
        with_executor(monkeypatch, executor)
        tasks = [asyncio.create_task(engine.predict(actor, ASK)) for _ in range(20)]
        await asyncio.sleep(0.05)
        executor.gate.set()
        return await asyncio.gather(*tasks), executor

    answered, executor = run(scene())

    assert executor.batches == [[12.0]]
    assert len({each.id for each in answered}) == 20


def test_a_row_that_is_refused_by_its_schema_leaves_no_record(
    actor: Actor, version: ModelVersion, entries: list[Entry]
) -> None:
    with pytest.raises(Invalid):
        run(engine.predict(actor, replace(ASK, features={"tenure": -1})))

    assert entries == []


def test_a_model_that_fails_is_counted_as_an_error(
    actor: Actor, version: ModelVersion, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        with_executor(monkeypatch, RowExecutor(poison=12.0))
        await engine.predict(actor, ASK)

    with pytest.raises(ScoringFailed):
        run(scene())

    assert [(entry.predictions, entry.errors, entry.lines) for entry in entries] == [(0, 1, ())]


def test_a_model_that_takes_too_long_is_given_up(
    actor: Actor, version: ModelVersion, entries: list[Entry], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    settings.SIGNALBOX_PREDICTION_TIMEOUT = 0.05

    async def scene() -> None:
        executor = RowExecutor()
        executor.gate.clear()
        with_executor(monkeypatch, executor)
        await engine.predict(actor, ASK)

    with pytest.raises(TimedOut):
        run(scene())


def test_the_rows_a_model_fails_at_are_told_apart_from_the_others(
    actor: Actor, version: ModelVersion, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(BatchRow({**ROW, "tenure": n}, str(n)) for n in range(9))

    async def scene() -> engine.BatchAnswered:
        with_executor(monkeypatch, RowExecutor(poison=5.0))
        return await engine.predict_rows(actor, BatchAsk("churn", rows))

    answered = run(scene())

    failed = [n for n, one in enumerate(answered.scored) if isinstance(one, ScoringFailed)]
    assert failed == [5]
    assert (entries[0].predictions, entries[0].errors, len(entries[0].lines)) == (8, 1, 8)
    assert entries[0].source == Source.BATCH


def test_under_a_promotion_every_answer_is_of_one_version_and_none_fails(
    actor: Actor, model: RegisteredModel, version: ModelVersion, entries: list[Entry]
) -> None:
    make_version(model, label="1.3.0", stage=Stage.STAGING)

    async def scene() -> list[tuple[str, float | None]]:
        seen: list[tuple[str, float | None]] = []

        async def caller(number: int) -> None:
            for turn in range(20):
                features = {**ROW, "tenure": (number + turn) % 3}
                answered = await engine.predict(actor, replace(ASK, features=features))
                seen.append((answered.version.label, answered.scored.probability))
                await asyncio.sleep(0)

        def promote() -> None:
            with organization_scope(actor.organization_id):
                stages.set_stage(actor=actor, name="churn", tag="1.3.0", stage=Stage.PRODUCTION)
                changes.poll_changes()

        async def promote_soon() -> None:
            await asyncio.sleep(0.01)
            await in_pool(promote)

        await asyncio.gather(promote_soon(), *(caller(n) for n in range(50)))
        seen.append((await engine.predict(actor, ASK)).version.label)  # type: ignore[arg-type]  # the last one alone
        return seen

    *seen, last = run(scene())

    assert len(seen) == 1000
    assert last == "1.3.0"
    assert {label for label, _ in seen} <= {"1.2.0", "1.3.0"}
    # Three rows and two versions: a mixture of versions would be a seventh answer.
    assert len(set(seen)) <= 6


def test_a_version_is_loaded_again_when_memory_needed_its_place(
    actor: Actor, version: ModelVersion, entries: list[Entry]
) -> None:
    async def scene() -> list[Any]:
        first = await engine.predict(actor, ASK)
        await room().shelf.unload(first.version.key)
        again = await engine.predict(actor, replace(ASK, features={**ROW, "tenure": 13}))
        return [first.scored.prediction, again.scored.prediction]

    assert run(scene()) == [1, 1]


def test_a_batch_of_many_values_is_worked_on_beside_the_loop(
    actor: Actor, version: ModelVersion, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read, scored by what is instant for a row, and written down; with the same answers."""
    beside: list[str] = []

    async def in_pool_told(work: Any, *args: Any, **kwargs: Any) -> Any:
        beside.append(work.__name__)
        return work(*args, **kwargs)

    ask = BatchAsk("churn", tuple(BatchRow({**ROW, "tenure": each}) for each in range(10)))
    short = run(engine.predict_rows(actor, ask))
    for module in (engine, executors):
        monkeypatch.setattr(module, "LONG_CELLS", 19)
        monkeypatch.setattr(module, "in_pool", in_pool_told)

    long = run(engine.predict_rows(actor, ask))

    assert long.scored == short.scored
    assert beside == ["check", "score", "note"]
    assert [entry.predictions for entry in entries] == [10, 10]


@pytest.mark.parametrize("is_batch", [True, False])
def test_a_model_whose_place_is_wanted_meanwhile_answers_to_the_end(
    actor: Actor,
    version: ModelVersion,
    entries: list[Entry],
    monkeypatch: pytest.MonkeyPatch,
    is_batch: bool,
) -> None:
    """A question of several steps: an explained one, or a batch in which the model fails at a row."""

    class Closing(RowExecutor):
        async def score(self, rows: Any) -> Any:
            assert not self.is_closed
            await room().shelf.unload(version.pk)
            return await super().score(rows)

        async def explain(self, row: Any) -> Any:
            assert not self.is_closed
            return await super().explain(row)

    executor = Closing(poison=3.0)
    with_executor(monkeypatch, executor)
    rows = tuple(BatchRow({**ROW, "tenure": each}) for each in (1, 2, 3))

    async def scene() -> Any:
        if is_batch:
            return (await engine.predict_rows(actor, BatchAsk("churn", rows))).scored[0]
        answered = await engine.predict(actor, replace(ASK, is_explained=True))
        assert answered.explanation is not None
        return answered.scored

    assert run(scene()).prediction == (1.0 if is_batch else 12.0)
    assert executor.is_closed
