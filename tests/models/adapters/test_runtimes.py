"""Runtimes beside the libraries themselves: the same answers, and explanations that add up to them."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest

pytestmark = pytest.mark.integration
SKOPS = [
    "forest", "forest of words", "forest of numbers", "boosted", "no probabilities", "curved", "clipped",
    "logistic of three", "mixed",
]  # fmt: skip
LINEAR = [
    "linear: plain", "linear: ridge", "linear: lasso", "linear: net", "linear: logistic", "linear: flags",
]  # fmt: skip
OBJECTIVES = [
    "xgboost binary:logistic", "xgboost binary:logitraw", "xgboost multi:softprob", "xgboost multi:softmax",
    "xgboost reg:squarederror", "xgboost reg:gamma",
    "lightgbm binary", "lightgbm multiclass", "lightgbm multiclassova", "lightgbm regression", "lightgbm poisson",
]  # fmt: skip
CLASSES = {
    "forest": [0, 1],
    "forest of words": ["high", "low", "middle"],
    "boosted": ["goes", "stays"],
    "logistic of three": ["high", "low", "middle"],
    "mixed": [0, 1],
    "linear: logistic": ["goes", "stays"],
    "linear: flags": [False, True],
}


def near(value: Any) -> Any:
    """Floats within 1e-9, words and gaps as they are."""
    if isinstance(value, list):
        return [near(each) for each in value]
    return pytest.approx(value, rel=1e-9, abs=1e-9) if type(value) is float else value


def predictions(found: dict[str, Any]) -> list[Any]:
    return [one[0] for one in found["scored"]]


@pytest.mark.parametrize("name", [*SKOPS, *LINEAR])
def test_a_model_of_scikit_learn_answers_as_the_library(name: str, trained: dict[str, Any]) -> None:
    found = trained[name]

    assert predictions(found) == near(found["predict"])
    assert (name in CLASSES) == ("predict_proba" in found)
    for one, row in zip(found["scored"], found.get("predict_proba", []), strict=False):
        _check_probabilities(one, row, CLASSES[name])


def _check_probabilities(one: list[Any], row: list[float], classes: list[Any]) -> None:
    prediction, probability, probabilities, distance = one
    if len(classes) == 2:
        assert (probability, probabilities) == (pytest.approx(row[1], abs=1e-9), None)
        assert distance == pytest.approx(abs(row[1] - 0.5), abs=1e-9)
        return
    best = classes.index(prediction)
    assert probabilities == pytest.approx(dict(zip(classes, row, strict=True)), abs=1e-9)
    assert probability == pytest.approx(row[best], abs=1e-9)
    assert distance == pytest.approx((row[best] - sorted(row)[-2]) / 2, abs=1e-9)


@pytest.mark.parametrize("name", [*SKOPS, *LINEAR])
def test_linear_models_are_known_and_no_others(name: str, trained: dict[str, Any]) -> None:
    described = trained[name].get("described", {"in_process": False, "details": {}})

    assert described["in_process"] == (name in LINEAR)
    assert ("linear" in described["details"]) == (name in LINEAR)


@pytest.mark.parametrize("name", LINEAR)
def test_coefficients_answer_as_the_opened_model(name: str, trained: dict[str, Any]) -> None:
    ours, theirs = trained[name]["scored"], trained[name]["by library"]["scored"]

    assert ours == near(theirs)


def test_columns_of_words_are_found_out(trained: dict[str, Any]) -> None:
    assert trained["mixed"]["schema"] == {
        "f0": {"type": "string"},
        "f1": {"type": "number"},
        "f2": {"type": "number"},
    }


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_boosted_model_answers_as_the_library(name: str, trained: dict[str, Any]) -> None:
    found = trained[name]
    said = found["predict"]

    for one, row in zip(found["scored"], said, strict=True):
        prediction, probability, probabilities, _ = one
        if "multi:softmax" in name:
            assert prediction == int(row)
        elif "multi" in name:
            best = max(range(3), key=row.__getitem__)
            assert (prediction, probability) == (best, pytest.approx(row[best], abs=1e-6))
            assert list(probabilities.values()) == pytest.approx(row, abs=1e-6)
        elif "binary" in name:
            wanted = 1 / (1 + exp(-row)) if "logitraw" in name else row
            assert (prediction, probability) == (int(wanted > 0.5), pytest.approx(wanted, abs=1e-6))
        else:
            assert (prediction, probability) == (pytest.approx(row, rel=1e-6), None)


def test_a_hinge_says_its_class_alone(trained: dict[str, Any]) -> None:
    found = trained["xgboost binary:hinge"]

    assert found["scored"] == [[int(each), None, None, None] for each in found["predict"]]


@pytest.mark.parametrize("name", [*OBJECTIVES, "xgboost binary:hinge"])
def test_features_are_known_by_name_in_any_order(name: str, trained: dict[str, Any]) -> None:
    found = trained[name]

    assert found["turned"]["scored"] == found["scored"]
    for one, other in zip(found["turned"]["explained"], found["explained"], strict=True):
        assert one == [other[0], other[1][::-1], other[2]]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_contributions_of_trees_add_up_to_the_margin(name: str, trained: dict[str, Any]) -> None:
    found = trained[name]

    for (base, values, output), margin in zip(found["explained"], found["margin"], strict=False):
        wanted = max(margin) if isinstance(margin, list) else margin
        assert base + sum(values) == pytest.approx(wanted, rel=1e-5, abs=1e-5)
        assert output == ("prediction" if "reg:sq" in name or "m regression" in name else "margin")


@pytest.mark.parametrize("name", SKOPS)
def test_explanations_of_black_boxes_add_up_to_the_answer(
    name: str, trained: dict[str, Any]
) -> None:
    found = trained[name]

    for (base, values, output), one in zip(found["explained"], found["scored"], strict=False):
        prediction, probability, *_ = one
        if probability is not None:
            assert (output, base + sum(values)) == ("probability", pytest.approx(probability))
        elif isinstance(prediction, float):
            assert (output, base + sum(values)) == ("prediction", pytest.approx(prediction))
        else:  # of the class it was given, without a doubt
            assert (output, base + sum(values)) == ("probability", pytest.approx(1.0))


@pytest.mark.parametrize("name", LINEAR)
def test_explanations_of_linear_models_are_exact(name: str, trained: dict[str, Any]) -> None:
    """Where the output is the same, coalitions come to the same values as coefficients do."""
    found = trained[name]

    pairs = zip(found["explained"], found["by library"]["explained"], strict=True)
    for (told, other), one in zip(pairs, found["scored"], strict=False):
        base, values, output = told
        if one[1] is None:
            assert (output, other[2]) == ("prediction", "prediction")
            assert [base, *values] == pytest.approx([other[0], *other[1]], rel=1e-6, abs=1e-6)
        else:
            margin = log(one[1] / (1 - one[1]))
            assert (output, base + sum(values)) == ("margin", pytest.approx(margin, abs=1e-6))
