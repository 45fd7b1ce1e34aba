"""What strangers write in MLflow's forms: filters and `MLmodel` documents that are made to cost."""

from __future__ import annotations

from time import monotonic

import pytest

from apps.core.errors import Invalid
from apps.models.domain.mlflow.filters import Term, read_filter
from apps.models.domain.mlflow.reading import choose
from apps.models.domain.mlflow.yaml_text import MOST_DEPTH, MOST_EVENTS
from apps.models.errors import BrokenArtifact

pytestmark = pytest.mark.unit
ONNX = "flavors: {onnx: {data: model.onnx}}\n"


def test_a_list_with_spaces_is_read() -> None:
    assert read_filter("name IN ( 'a' ,  'b','c' )") == [Term("name", "IN", ("a", "b", "c"))]


def test_a_list_that_is_never_closed_is_refused_at_once() -> None:
    """Shared out in every way, its spaces would take longer than anybody lives."""
    began = monotonic()

    with pytest.raises(Invalid):
        read_filter("name IN (" + "'a'   " * 90 + "x")

    assert monotonic() - began < 1


@pytest.mark.parametrize("value", ["!!timestamp foo", "!!int ''", "!!bool foo", "!!float ''"])
def test_words_that_claim_to_be_something_else_are_words(value: str) -> None:
    chosen = choose(f"{ONNX}made: {value}\n".encode())

    assert (chosen.flavor, chosen.file) == ("onnx", "model.onnx")


@pytest.mark.parametrize(("said", "run_id"), [("abc", "abc"), ("null", ""), ("~", ""), ("", "")])
def test_a_run_that_is_not_named(said: str, run_id: str) -> None:
    assert choose(f"{ONNX}run_id: {said}\n".encode()).run_id == run_id


@pytest.mark.parametrize(
    "tricks",
    [
        "[" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "{a: " * (MOST_DEPTH + 1),
        f"a: [{'1,' * MOST_EVENTS}]",
        "".join(" " * depth + "a:\n" for depth in range(1000)),
    ],
    ids=["lists", "items", "keys", "mappings", "words", "lines"],
)
def test_what_would_take_minutes_or_the_process_is_refused_at_once(tricks: str) -> None:
    began = monotonic()

    with pytest.raises(BrokenArtifact, match="too deep"):
        choose(tricks.encode())

    assert monotonic() - began < 2


def test_aliases_are_refused() -> None:
    with pytest.raises(BrokenArtifact, match="aliases"):
        choose(f"{ONNX}a: &a [1]\nb: [*a, *a]\n".encode())
