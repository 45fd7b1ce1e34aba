"""ONNX graphs by onnxruntime: one thread, one input of all features or one each, and whatever its outputs say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnxruntime

from apps.models.adapters.runtimes import answers, blackbox, matrices, tables
from apps.models.domain.schema import Row, Schema
from apps.models.domain.scoring import Blueprint, Explanation, Label, Scored
from apps.models.enums import Task
from apps.models.errors import ScoringFailed

DTYPES: Mapping[str, Any] = {
    "float": np.float32,
    "double": np.float64,
    "bool": np.bool_,
    "string": object,
}
FLOATS = frozenset({"float", "double"})
MAPS = ("seq(map", "map")
SCORES = ("tensor(float", "tensor(double")
LABELS = ("tensor(int", "tensor(uint", "tensor(string", "tensor(bool")
"""Of outputs, as the runtime names their types."""


def load(blueprint: Blueprint, path: str) -> OnnxScorer:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # What is idle between two calls must not spin, and rows of one batch need no arena of the largest ever seen.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    inputs = tuple(_inputs(blueprint.described.details["inputs"], blueprint.schema))
    return OnnxScorer(blueprint, session, inputs)


@dataclass(frozen=True, slots=True)
class _Input:
    name: str
    kind: str
    dtype: Any
    shape: tuple[int, ...]
    """Behind the rows."""
    places: list[int]
    """Of the features it takes, in a row."""
    has_rows: bool
    is_whole: bool
    """Whether it takes the rows as they are."""

    def of(self, rows: Sequence[Row]) -> Any:
        if self.is_whole and self.kind in FLOATS:
            array = matrices.numeric(rows, self.dtype)
        else:
            array = self._picked(rows)
        return array.reshape((len(rows), *self.shape) if self.has_rows else self.shape)

    def _picked(self, rows: Sequence[Row]) -> Any:
        columns = [[row[place] for place in self.places] for row in rows]
        if self.kind in FLOATS:
            return matrices.numeric(columns, self.dtype)
        if self.kind == "string":
            return np.array(
                [["" if each is None else str(each) for each in row] for row in columns],
                dtype=object,
            )
        if any(each is None or isinstance(each, str) for row in columns for each in row):
            text = (
                f"The model's input {self.name[:60]} takes {self.kind} alone: none may be missing."
            )
            raise ScoringFailed(text)
        try:
            given = np.array(columns)
            with np.errstate(invalid="ignore"):  # it is compared below
                taken = given.astype(self.dtype)
        except (ValueError, OverflowError):
            raise self._refusal() from None
        # A number beyond what the type holds would silently be another one.
        if not (taken == (np.trunc(given) if given.dtype.kind == "f" else given)).all():
            raise self._refusal()
        return taken

    def _refusal(self) -> ScoringFailed:
        return ScoringFailed(f"The model's input {self.name[:60]} takes {self.kind} alone.")


def _inputs(found: Sequence[Mapping[str, Any]], schema: Schema) -> list[_Input]:
    places = {name: place for place, name in enumerate(schema)}
    widths = [prod(length or 1 for length in each["dims"][1:]) for each in found]
    matrices.check_width(sum(widths), schema)
    by_name = all(width == 1 for width in widths) and all(each["name"] in places for each in found)
    made, at = [], 0
    for each, width in zip(found, widths, strict=True):
        own = [places[each["name"]]] if by_name else list(range(at, at + width))
        at += width
        made.append(
            _Input(
                each["name"],
                each["type"],
                DTYPES.get(each["type"], each["type"]),
                tuple(length or 1 for length in each["dims"][1:]),
                own,
                has_rows=bool(each["dims"]),
                is_whole=len(found) == 1,
            )
        )
    return made


@dataclass(frozen=True, slots=True)
class _Told:
    """What one run said."""

    table: Any
    """Scores: a row for each row, a column for each class. None where it says labels alone."""
    classes: Sequence[Label]
    labels: list[Label] | None


class OnnxScorer:
    """What the outputs mean is settled once, by their types: a list of maps, a table of scores, labels."""

    def __init__(self, blueprint: Blueprint, session: Any, inputs: tuple[_Input, ...]) -> None:
        self._blueprint = blueprint
        self._session = session
        self._inputs = inputs
        described = blueprint.described
        self._is_single = any(
            not each["dims"] or each["dims"][0] == 1 for each in described.details["inputs"]
        )
        self._classes = [answers.plain_label(each) for each in described.details.get("classes", ())]
        kinds = [each.type for each in session.get_outputs()]
        self._maps = _place(kinds, MAPS)
        self._scores = _place(kinds, SCORES)
        self._said = None if described.task == Task.REGRESSION else _place(kinds, LABELS)
        self._is_classifier = described.task == Task.CLASSIFICATION or self._said is not None

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        with answers.told_plainly():
            if self._is_single and len(rows) > 1:
                return [one for row in rows for one in self._scored((row,))]
            return self._scored(rows)

    def explain(self, row: Row) -> Explanation:
        return blackbox.explain(
            self.score, row, self._blueprint.background, outputs_of=self._outputs
        )

    def _scored(self, rows: Sequence[Row]) -> list[Scored]:
        told = self._told(rows)
        table, labels = told.table, told.labels
        if table is None:
            scored = answers.labels(labels or ())
        elif table.shape[1] == 1:
            scored = self._of_column(table[:, 0].tolist(), labels)
        elif self._blueprint.described.task == Task.REGRESSION:
            text = f"The model answers {table.shape[1]} numbers, and a prediction is one."
            raise ScoringFailed(text)
        else:
            scored = tables.of_table(table, told.classes, predicted=labels)
        if len(scored) != len(rows):
            raise ScoringFailed(f"The model made {len(scored)} answers of {len(rows)} rows.")
        return scored

    def _of_column(self, column: list[float], labels: list[Label] | None) -> list[Scored]:
        """One number a row: what is predicted, or the probability of class 1."""
        if not self._is_classifier:
            return answers.numbers(column)
        if not all(0.0 <= each <= 1.0 for each in column):
            raise ScoringFailed("The model answers a probability that is none.")
        classes = self._classes if len(self._classes) == 2 else [0, 1]
        return answers.of_two(column, classes, predicted=labels)

    def _outputs(self, rows: Sequence[Row], reference: Scored) -> list[float] | None:
        """Of two thousand rows, without making whole answers of them."""
        if self._is_single:
            return None
        with answers.told_plainly():
            told = self._told(rows)
        if told.table is None or (reference.probability is None and self._is_classifier):
            return None
        place = -1
        if reference.probabilities is not None:
            name = blackbox.explained_class(reference.probabilities, reference.prediction)
            place = [str(each) for each in told.classes].index(name)
        column: list[float] = told.table[:, place].tolist()
        return column

    def _told(self, rows: Sequence[Row]) -> _Told:
        found = self._session.run(None, {each.name: each.of(rows) for each in self._inputs})
        labels = None if self._said is None else _labels(found[self._said])
        if self._maps is not None:
            maps = found[self._maps]
            classes = [answers.plain_label(each) for each in maps[0]]
            return _Told(np.array([list(each.values()) for each in maps]), classes, labels)
        if self._scores is None:
            return _Told(None, (), labels or _labels(found[0]))
        table = np.asarray(found[self._scores], dtype=np.float64)
        table = table.reshape(table.shape[0], -1) if table.ndim else table.reshape(1, 1)
        width = table.shape[1]
        return _Told(
            table, self._classes if len(self._classes) == width else list(range(width)), labels
        )


def _labels(found: Any) -> list[Label]:
    return [answers.plain_label(each) for each in np.asarray(found).reshape(-1).tolist()]


def _place(kinds: Sequence[str], beginnings: tuple[str, ...]) -> int | None:
    return next((place for place, kind in enumerate(kinds) if kind.startswith(beginnings)), None)
