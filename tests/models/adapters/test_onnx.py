"""ONNX graphs in process: every shape of input and output, beside what they compute by their own definition."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import exp, nan
from pathlib import Path
from typing import Any

import pytest

from apps.models.adapters.runtimes.loading import load_scorer
from apps.models.domain.formats import reading
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Row, Schema
from apps.models.domain.scoring import Blueprint, Output, Scored, Scorer
from apps.models.errors import BrokenArtifact, ScoringFailed
from tests.factories import artifacts as made
from tests.factories import graphs

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.integration
WEIGHTS = [[1.0, -0.5, 0.25], [0.5, 2.0, -1.0], [-1.0, 0.0, 0.5]]
COLUMN = [[1.0], [-2.0], [0.5]]
ROWS: list[Row] = [(0.5, 1.0, -1.0), (-2.0, 0.0, 3.0), (0.0, 0.0, 0.0), (1.0, 2.0, 4.0)]


def opened(
    content: bytes,
    folder: Path,
    *,
    schema: Schema | None = None,
    background: Sequence[Row] = ((0.0, 0.0, 0.0),),
) -> Scorer:
    path = folder / "model.onnx"
    path.write_bytes(content)
    described = described_of(path)
    named = schema or described.schema
    assert named is not None
    return load_scorer(Blueprint(described, named, tuple(background)), str(path))


def described_of(path: Path) -> Description:
    with path.open("rb") as file:
        return reading.describe(file)


def margins(row: Row, weights: Sequence[Sequence[float]]) -> list[float]:
    return [sum(w * float(x or 0) for w, x in zip(each, row, strict=True)) for each in weights]


def softmax(values: Sequence[float]) -> list[float]:
    powers = [exp(value) for value in values]
    return [power / sum(powers) for power in powers]


def wanted_of_many(row: Row, classes: Sequence[Any]) -> Any:
    shares = softmax(margins(row, WEIGHTS))
    best = max(range(3), key=shares.__getitem__)
    lead = (shares[best] - sorted(shares)[1]) / 2
    named = dict(zip(map(str, classes), shares, strict=True))
    return classes[best], near(shares[best]), near(named), near(lead)


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-5, abs=1e-6)


def parts(scored: Scored) -> Any:
    return scored.prediction, scored.probability, scored.probabilities, scored.distance


@pytest.mark.parametrize("classes", [[0, 1, 2], [7, -3, 40], ["a", "ä b", "c"]])
@pytest.mark.parametrize("has_maps", [True, False])
@pytest.mark.parametrize("times", [1, 20])
def test_a_classifier_of_many(
    classes: list[Any], has_maps: bool, times: int, tmp_path: Path
) -> None:
    scorer = opened(graphs.linear_classifier(WEIGHTS, classes, has_maps=has_maps), tmp_path)

    found = scorer.score(ROWS * times)

    # A map is kept in the order of its keys, and told in it.
    assert [parts(one) for one in found] == [wanted_of_many(row, classes) for row in ROWS] * times
    assert found == [scorer.score([row])[0] for row in ROWS * times]


@pytest.mark.parametrize("classes", [[0, 1], ["no", "yes"]])
@pytest.mark.parametrize("has_maps", [True, False])
def test_a_classifier_of_two(classes: list[Any], has_maps: bool, tmp_path: Path) -> None:
    scorer = opened(graphs.linear_classifier(WEIGHTS[:2], classes, has_maps=has_maps), tmp_path)

    for row, one in zip(ROWS, scorer.score(ROWS), strict=True):
        share = softmax(margins(row, WEIGHTS[:2]))[1]
        label = classes[share > 0.5]
        assert parts(one) == (label, near(share), None, near(abs(share - 0.5)))


def test_scores_that_are_no_probabilities_are_not_told(tmp_path: Path) -> None:
    content = graphs.linear_classifier(WEIGHTS, ["a", "b", "c"], has_maps=False, link="NONE")

    found = opened(content, tmp_path).score([(5.0, 1.0, -1.0), (-2.0, 0.0, 3.0)])

    assert [parts(one) for one in found] == [("b", None, None, None), ("c", None, None, None)]


def test_one_tensor_of_many_classes(tmp_path: Path) -> None:
    weights = [list(column) for column in zip(*WEIGHTS, strict=True)]
    scorer = opened(graphs.dense(weights, "Softmax"), tmp_path)

    assert [parts(one) for one in scorer.score(ROWS)] == [
        wanted_of_many(row, [0, 1, 2]) for row in ROWS
    ]


def test_one_tensor_of_one_probability(tmp_path: Path) -> None:
    scorer = opened(graphs.dense(COLUMN, "Sigmoid"), tmp_path)

    for row, one in zip(ROWS, scorer.score(ROWS), strict=True):
        share = 1 / (1 + exp(-margins(row, [[1.0, -2.0, 0.5]])[0]))
        assert parts(one) == (int(share > 0.5), near(share), None, near(abs(share - 0.5)))


def test_a_regression_says_its_number_alone(tmp_path: Path) -> None:
    scorer = opened(graphs.dense(COLUMN), tmp_path)

    assert scorer.score(ROWS) == [Scored(near(margins(row, [[1.0, -2.0, 0.5]])[0])) for row in ROWS]


COLUMNS: Schema = {
    "c": {"type": "boolean"},
    "s": {"type": "string"},
    "a": {"type": "number"},
    "b": {"type": "integer"},
}


def test_an_input_a_feature_is_known_by_name(tmp_path: Path) -> None:
    scorer = opened(graphs.columns(), tmp_path, schema=COLUMNS)

    found = scorer.score([(True, "two", 0.5, 3), (False, "one", 1.5, 0), (False, "new", 0.0, 0)])

    assert [one.prediction for one in found] == near([1130.5, 1.5, -1000.0])


def test_inputs_are_found_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(graphs.columns())

    assert described_of(tmp_path / "m").schema == {
        name: COLUMNS[name] for name in ("a", "b", "c", "s")
    }


def test_a_missing_word_is_empty_and_a_missing_flag_is_refused(tmp_path: Path) -> None:
    scorer = opened(graphs.columns(), tmp_path, schema=COLUMNS)

    assert scorer.score([(True, None, 0.5, 3)])[0].prediction == near(-869.5)
    for row in [(None, "two", 0.5, 3), (True, "two", 0.5, None)]:
        with pytest.raises(ScoringFailed) as failed:
            scorer.score([row])
        assert "none may be missing" in failed.value.message


INT32, UINT8 = 6, 2


@pytest.mark.parametrize(("kind", "largest"), [(INT32, 2**31 - 1), (UINT8, 255)])
def test_a_number_beyond_what_an_input_holds_is_refused(
    kind: int, largest: int, tmp_path: Path
) -> None:
    """Cut to the input's size it would be another number, and its answer another's."""
    cast = graphs.node("Cast", ["x"], ["y"], graphs.attribute("to", 1))
    content = graphs.graph(
        [cast], [made.value_info("x", (None, 1), kind)], [made.value_info("y", (None, 1))]
    )
    for schema_type, fit in (("integer", largest), ("number", float(largest))):
        scorer = opened(content, tmp_path, schema={"x": {"type": schema_type}})

        assert scorer.score([(fit,)])[0].prediction == near(largest)
        for value in (fit + 1, fit * 3, -(2**40)):
            with pytest.raises(ScoringFailed) as failed:
                scorer.score([(value,)])
            assert "takes" in failed.value.message


def test_a_prediction_by_a_name_that_no_class_has_is_explained_by_the_likeliest(
    tmp_path: Path,
) -> None:
    """The graph says labels of its own beside a table of probabilities."""
    weights = [list(column) for column in zip(*WEIGHTS, strict=True)]
    nodes = [
        graphs.node("MatMul", ["x", "w"], ["v"]),
        graphs.node("Softmax", ["v"], ["p"]),
        graphs.node("ArgMax", ["p"], ["at"], graphs.attribute("axis", 1), graphs.attribute("keepdims", 0)),
        graphs.node("LabelEncoder", ["at"], ["label"],
            graphs.attribute("keys_int64s", [0, 1, 2]), graphs.attribute("values_strings", ["a", "b", "c"]),
            domain=graphs.ML),
    ]  # fmt: skip
    outputs = [made.value_info("label", (None,), 8), made.value_info("p", (None, 3))]
    content = graphs.graph(
        nodes, [made.value_info("x", (None, 3))], outputs, [graphs.matrix("w", weights)]
    )
    scorer = opened(content, tmp_path)

    for row in ROWS:
        (one,), told = scorer.score([row]), scorer.explain(row)
        assert (one.prediction, told.output) == ("abc"[int(max(one.probabilities or {}, key=(one.probabilities or {}).__getitem__))], "probability")  # fmt: skip
        assert told.base_value + sum(told.values) == near(one.probability)


def test_what_is_not_finite_is_refused(tmp_path: Path) -> None:
    scorer = opened(graphs.dense(COLUMN), tmp_path)

    for row in [(None, 1.0, 1.0), (nan, 1.0, 1.0), (1e300, 1.0, 1.0)]:
        with pytest.raises(ScoringFailed) as failed:
            scorer.score([row])
        assert failed.value.message == "The model answered with a number that is not finite."


@pytest.mark.parametrize("times", [1, 20])
def test_probabilities_that_are_not_finite_are_refused(times: int, tmp_path: Path) -> None:
    scorer = opened(graphs.linear_classifier(WEIGHTS, [0, 1, 2]), tmp_path)

    with pytest.raises(ScoringFailed):
        scorer.score([(None, 1.0, 1.0)] * times)


def test_a_word_for_a_number_is_refused(tmp_path: Path) -> None:
    scorer = opened(graphs.dense(COLUMN), tmp_path)

    with pytest.raises(ScoringFailed) as failed:
        scorer.score([("x", 1.0, 1.0)])
    assert failed.value.message == "The model takes numbers alone, and a feature is none."


def test_a_graph_that_takes_one_row_is_asked_row_by_row(tmp_path: Path) -> None:
    content = made.onnx(inputs=(made.value_info("x", (1, 2)),))

    scorer = opened(content, tmp_path, background=[(0.0, 0.0)])

    assert [one.prediction for one in scorer.score([(1.0, 0.0), (0.0, 1.0), (2.0, 0.0)])] == [
        0,
        1,
        0,
    ]
    assert len(scorer.explain((1.0, 0.0)).values) == 2


def test_another_number_of_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenArtifact) as refused:
        opened(graphs.dense(COLUMN), tmp_path, schema={"a": {"type": "number"}})

    assert "takes 3 features, and the schema has 1" in refused.value.found


def test_several_numbers_are_no_prediction(tmp_path: Path) -> None:
    made_of = graphs.node(
        "LinearRegressor", ["x"], ["y"],
        graphs.attribute("coefficients", [1.0, 2.0, 3.0, 4.0]),
        graphs.attribute("targets", 2),
        domain=graphs.ML,
    )  # fmt: skip
    content = graphs.graph([made_of], [made.value_info("x")], [made.value_info("y")])

    with pytest.raises(ScoringFailed) as failed:
        opened(content, tmp_path).score([(1.0, 2.0)])
    assert failed.value.message == "The model answers 2 numbers, and a prediction is one."


def test_trees_answer_a_number(tmp_path: Path) -> None:
    """Above zero is right, below left; a leaf is the number of its place."""
    scorer = opened(graphs.trees(3, 2, 2), tmp_path)

    assert [one.prediction for one in scorer.score([(-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)])] == [0, 3]


@pytest.mark.parametrize(
    ("content", "output"),
    [
        (graphs.linear_classifier(WEIGHTS, ["a", "b", "c"]), Output.PROBABILITY),
        (graphs.linear_classifier(WEIGHTS, [0, 1, 2], has_maps=False), Output.PROBABILITY),
        (graphs.linear_classifier(WEIGHTS[:2], [0, 1]), Output.PROBABILITY),
        (graphs.dense(COLUMN, "Sigmoid"), Output.PROBABILITY),
        (graphs.dense(COLUMN), Output.PREDICTION),
        (graphs.linear_classifier(WEIGHTS, ["a", "b", "c"], has_maps=False, link="NONE"), Output.PROBABILITY),
    ],
    ids=["maps", "table", "two", "sigmoid", "number", "labels"],
)  # fmt: skip
def test_explanations_add_up_and_stay_the_same(
    content: bytes, output: Output, tmp_path: Path
) -> None:
    background = [(0.1 * number, -0.2 * number, 0.3) for number in range(40)]
    scorer = opened(content, tmp_path, background=background)

    for row in ROWS:
        told, (one,) = scorer.explain(row), scorer.score([row])
        wanted = 1.0 if one.probability is None and output == "probability" else one.probability
        assert told.output == output
        assert told.base_value + sum(told.values) == near(wanted or one.prediction)
        assert scorer.explain(row) == told


def test_a_linear_graph_is_explained_by_its_weights(tmp_path: Path) -> None:
    background = [(1.0, 1.0, 1.0), (0.0, 3.0, -1.0)]

    told = opened(graphs.dense(COLUMN), tmp_path, background=background).explain((2.0, 0.0, 4.0))

    assert told.values == near((1.5, 4.0, 2.0))
    assert told.base_value == near(-3.5)


def test_the_trial_takes_such_graphs_in_process(tmp_path: Path) -> None:
    from apps.models.adapters.trial.supervisor import try_artifact  # noqa: PLC0415

    found = try_artifact(BytesIO(graphs.linear_classifier(WEIGHTS, ["a", "b", "c"])), seconds=60)

    assert (found.in_process, found.task, found.details["classes"]) == (
        True,
        "classification",
        ["a", "b", "c"],
    )


def test_a_graph_that_takes_long_is_sent_to_a_worker(tmp_path: Path) -> None:
    """A million products a node, two hundred nodes: tens of milliseconds a row."""
    from apps.models.adapters.trial.supervisor import try_artifact  # noqa: PLC0415

    wide = [part_of_wide(number) for number in range(200)]
    ends = [graphs.node("ReduceSum", ["v200"], ["y"])]
    nodes = [graphs.node("MatMul", ["x", "w"], ["v0"]), *wide, *ends]
    weights = [graphs.matrix("w", [[1e-3] * 1000]), graphs.matrix("v", [[1e-6] * 1000] * 1000)]
    content = graphs.graph(
        nodes, [made.value_info("x", (None, 1))], [made.value_info("y", (1, 1))], weights
    )

    assert not try_artifact(BytesIO(content), seconds=60).in_process


def part_of_wide(number: int) -> bytes:
    return graphs.node("MatMul", [f"v{number}", "v"], [f"v{number + 1}"])
