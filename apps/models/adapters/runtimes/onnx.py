"""ONNX graphs by onnxruntime: one thread, one input of all features or one each, and whatever its outputs say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnxruntime

from apps.models.adapters.runtimes import answers, blackbox, matrices
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
            return np.array(columns).astype(self.dtype)
        except (ValueError, OverflowError):
            raise ScoringFailed(
                f"The model's input {self.name[:60]} takes {self.kind} alone."
            ) from None


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


class OnnxScorer:
    """What an output means is settled once, by its type and shape: a list of maps, a table of scores, labels, numbers."""

    def __init__(self, blueprint: Blueprint, session: Any, inputs: tuple[_Input, ...]) -> None:
        self._blueprint = blueprint
        self._session = session
        self._inputs = inputs
        details = blueprint.described.details
        self._is_single = any(
            not each["dims"] or each["dims"][0] == 1 for each in details["inputs"]
        )
        self._classes = [answers.plain_label(each) for each in details.get("classes", ())]
        self._read = self._reader(session.get_outputs())

    def score(self, rows: Sequence[Row]) -> list[Scored]:
        with answers.told_plainly():
            if self._is_single and len(rows) > 1:
                return [one for row in rows for one in self._run((row,))]
            return self._run(rows)

    def explain(self, row: Row) -> Explanation:
        return blackbox.explain(self.score, row, self._blueprint.background)

    def _run(self, rows: Sequence[Row]) -> list[Scored]:
        outputs = self._session.run(None, {each.name: each.of(rows) for each in self._inputs})
        scored = self._read(outputs)
        if len(scored) != len(rows):
            raise ScoringFailed(f"The model made {len(scored)} answers of {len(rows)} rows.")
        return scored

    def _reader(self, outputs: Sequence[Any]) -> Callable[[list[Any]], list[Scored]]:
        kinds = [each.type for each in outputs]
        maps = _place(kinds, lambda kind: kind.startswith(("seq(map", "map")))
        scores = _place(
            kinds, lambda kind: kind in ("tensor(float)", "tensor(double)", "tensor(float16)")
        )
        said = _place(
            kinds,
            lambda kind: kind.startswith(
                ("tensor(int", "tensor(uint", "tensor(str", "tensor(bool")
            ),
        )
        if maps is not None:
            return lambda found: self._of_maps(found[maps], _labels(found, said))
        if scores is None:
            return lambda found: answers.labels(_flat(found[said or 0]))
        if said is not None and self._blueprint.described.task != Task.REGRESSION:
            return lambda found: self._of_scores(found[scores], _labels(found, said))
        return lambda found: self._of_scores(found[scores], None)

    def _of_maps(
        self, maps: Sequence[Mapping[Any, float]], said: list[Label] | None
    ) -> list[Scored]:
        names = list(maps[0])
        classes = [answers.plain_label(name) for name in names]
        matrix = [[each[name] for name in names] for each in maps]
        return _of_table(matrix, classes, said)

    def _of_scores(self, found: Any, said: list[Label] | None) -> list[Scored]:
        table = np.asarray(found, dtype=np.float64)
        table = table.reshape(table.shape[0], -1) if table.ndim else table.reshape(1, 1)
        width = table.shape[1]
        is_classifier = said is not None or self._blueprint.described.task == Task.CLASSIFICATION
        if width == 1:
            column = table[:, 0].tolist()
            if not is_classifier:
                return answers.numbers(column)
            return self._of_column(column, said)
        if not is_classifier and self._blueprint.described.task == Task.REGRESSION:
            raise ScoringFailed(f"The model answers {width} numbers, and a prediction is one.")
        classes = self._classes if len(self._classes) == width else list(range(width))
        return _of_table(table.tolist(), classes, said)

    def _of_column(self, column: list[float], said: list[Label] | None) -> list[Scored]:
        """One number a row: the probability of class 1, where it can be one."""
        classes = self._classes if len(self._classes) == 2 else [0, 1]
        if all(0.0 <= each <= 1.0 for each in column):
            return answers.of_two(column, classes, predicted=said)
        if said is not None:
            return answers.labels(said)
        return answers.numbers(column)


def _of_table(
    matrix: list[list[float]], classes: Sequence[Label], said: list[Label] | None
) -> list[Scored]:
    """Scores that are no probabilities decide the class and are not told."""
    if not all(_are_probabilities(row) for row in matrix):
        if said is None:
            answers.refuse_infinite(matrix)
            said = [classes[max(range(len(row)), key=row.__getitem__)] for row in matrix]
        return answers.labels(said)
    if len(classes) == 2:
        said = said or [classes[row[1] > row[0]] for row in matrix]
        return answers.of_two([row[1] for row in matrix], classes, predicted=said)
    if len(classes) == 1:
        return answers.labels(said or [classes[0]] * len(matrix))
    return answers.of_many(matrix, classes, predicted=said)


def _are_probabilities(row: Sequence[float]) -> bool:
    return min(row) >= -1e-6 and abs(sum(row) - 1) <= answers.SUM_TOLERANCE


def _labels(found: Sequence[Any], place: int | None) -> list[Label] | None:
    return None if place is None else [answers.plain_label(each) for each in _flat(found[place])]


def _flat(found: Any) -> list[Any]:
    flat: list[Any] = np.asarray(found).reshape(-1).tolist()
    return flat


def _place(kinds: Sequence[str], is_it: Callable[[str], bool]) -> int | None:
    return next((place for place, kind in enumerate(kinds) if is_it(kind)), None)
