"""Real models in real workers, all in one process: the same answers as outside, within its limits."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from apps.core.errors import AppError
from apps.models.adapters.workers.pool import WorkerExecutor, WorkerPool
from apps.models.domain.formats.description import Description, read_description
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Blueprint
from apps.models.enums import Format
from apps.models.errors import ModelUnavailable, RefusedArtifact, ScoringFailed
from tests.factories import graphs
from tests.factories.models import card
from tests.factories.trained import rows_of

pytestmark = pytest.mark.integration
MEMORY = 2048 * 1024 * 1024
NAMES = [
    "forest", "forest of words", "curved",
    "xgboost binary:logistic", "xgboost multi:softprob", "lightgbm binary", "lightgbm regression",
]  # fmt: skip
FILES = {
    "forest": "forest.skops",
    "forest of words": "forest of words.skops",
    "curved": "curved.skops",
}


def path_of(name: str, folder: Path) -> Path:
    return folder / FILES.get(name, name.replace(":", " "))


def blueprint_of(found: dict[str, Any], background: list[Row]) -> Blueprint:
    described = read_description(found["described"])
    assert described.schema is not None
    return Blueprint(described, described.schema, tuple(background))


def in_pool(story: Any, *, seconds: float = 30) -> None:
    async def told() -> None:
        pool = WorkerPool(workers=1, memory=MEMORY, timeout=seconds)
        try:
            await story(pool)
        finally:
            await pool.close()

    asyncio.run(told())


def test_real_models_answer_as_they_do_outside(trained: dict[str, Any], folder: Path) -> None:
    rows, background = rows_of(40, 1), rows_of(30, 2)

    async def story(pool: WorkerPool) -> None:
        models = {}
        for name in NAMES:
            with path_of(name, folder).open("rb") as file:
                models[name] = await pool.load(name, blueprint_of(trained[name], background), file)
        for name, model in models.items():
            given = rows if "boost" not in name and "light" not in name else _holed(rows)
            found = [
                [o.prediction, o.probability, o.probabilities, o.distance]
                for o in await model.score(given)
            ]
            assert found == trained[name]["scored"], name
            told = await model.explain(given[0])
            base, values, output = trained[name]["explained"][0]
            assert (told.base_value, list(told.values), told.output) == (base, values, output), name

    in_pool(story)


def _holed(rows: list[Row]) -> list[Row]:
    """As the boosted models were asked: the first row lacks a number."""
    return [(*rows[0][:2], None, *rows[0][3:]), *rows[1:]]


def test_graphs_and_scorecards_can_run_there_too() -> None:
    pytest.importorskip("onnxruntime")
    details = {"inputs": [{"name": "x", "type": "float", "dims": [None, 3]}], "outputs": []}
    graph = Description(Format.ONNX, "", runtime="onnxruntime", details=details)
    numbers = {name: {"type": "number"} for name in "abc"}
    own = {"tenure": {"type": "number"}, "contract": {"type": "string"}}

    async def story(pool: WorkerPool) -> None:
        content = BytesIO(graphs.dense([[1.0], [2.0], [4.0]]))
        first = await pool.load("g", Blueprint(graph, numbers, ((0.0,) * 3,)), content)
        second = await pool.load(
            "c", Blueprint(Description(Format.SCORECARD, ""), own, ((0.0, "a"),)), BytesIO(card())
        )

        assert (await first.score([(1.0, 1.0, 1.0)]))[0].prediction == 7.0
        assert (await second.score([(1.0, "Two year")]))[0].prediction in (0, 1)

    in_pool(story)


@pytest.mark.parametrize("name", ["forest", "xgboost binary:logistic", "lightgbm binary"])
def test_damaged_artefacts_take_nothing_with_them(
    name: str, trained: dict[str, Any], folder: Path
) -> None:
    """Past the trial, which would refuse most of them: what is damaged may answer or fail, and its neighbour serves on."""
    content = path_of(name, folder).read_bytes()
    blueprint = blueprint_of(trained[name], [(0.0,) * 5])
    cases = list(_damaged(content))

    async def story(pool: WorkerPool) -> None:
        good = await pool.load("good", blueprint, BytesIO(content))
        wanted = await good.score([(1.0,) * 5])
        for number, case in enumerate(cases):
            await _tried(pool, f"bad {number}", blueprint, case)
        assert await good.score([(1.0,) * 5]) == wanted

    in_pool(story, seconds=2)


def _damaged(content: bytes) -> list[bytes]:
    drawn = random.Random(7)
    cases = [content[: drawn.randrange(1, len(content))] for _ in range(4)]
    for _ in range(8):
        flipped = bytearray(content)
        for _ in range(drawn.choice([1, 1, 8, 64])):
            flipped[drawn.randrange(len(flipped))] ^= 1 << drawn.randrange(8)
        cases.append(bytes(flipped))
    return cases


async def _tried(pool: WorkerPool, name: str, blueprint: Blueprint, content: bytes) -> None:
    model: WorkerExecutor | None = None
    with suppress(AppError):
        model = await pool.load(name, blueprint, BytesIO(content))
        for one in await model.score([(1.0,) * 5, (-50.0,) * 5]):
            json.dumps(one.prediction, allow_nan=False)
    if model is not None:
        await model.close()


def test_ten_thousand_features_are_refused_by_the_model(
    trained: dict[str, Any], folder: Path
) -> None:
    """A row that no schema would let through."""
    name = "xgboost binary:logistic"

    async def story(pool: WorkerPool) -> None:
        content = BytesIO(path_of(name, folder).read_bytes())
        model = await pool.load(name, blueprint_of(trained[name], [(0.0,) * 5]), content)
        with pytest.raises(ScoringFailed):
            await model.score([(1.0,) * 10_000])
        assert len(await model.score([(1.0,) * 5] * 1000)) == 1000

    in_pool(story)


def test_a_wide_row_is_explained_in_bounded_time(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    width = 2000
    details = {"inputs": [{"name": "x", "type": "float", "dims": [None, width]}], "outputs": []}
    described = Description(Format.ONNX, "", runtime="onnxruntime", details=details)
    schema = {f"f{number}": {"type": "number"} for number in range(width)}

    async def story(pool: WorkerPool) -> None:
        content = BytesIO(graphs.dense([[1.0]] * width))
        model = await pool.load("wide", Blueprint(described, schema, ((0.0,) * width,)), content)
        told = await model.explain((1.0,) * width)

        assert told.values == pytest.approx([1.0] * width)

    in_pool(story)


STRANGE = [b"", b"\x80\x04cos\nsystem\n(S'true'\ntR.", b"PK\x03\x04", b"{}", b"\0" * 5000]


@pytest.mark.parametrize("name", ["forest", "xgboost binary:logistic", "lightgbm binary"])
def test_a_file_of_another_format_is_refused(name: str, trained: dict[str, Any]) -> None:
    """Or ends the process, as an empty one does XGBoost."""
    blueprint = blueprint_of(trained[name], [(0.0,) * 5])

    async def story(pool: WorkerPool) -> None:
        for number, content in enumerate(STRANGE):
            with pytest.raises((RefusedArtifact, ModelUnavailable)):
                await pool.load(str(number), blueprint, BytesIO(content))

    in_pool(story)
