"""Formats are known by their content; what can run code or reaches for more than its own bytes is refused by name."""

from __future__ import annotations

import gzip
import json
import pickle
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from apps.models.domain.formats.description import Description, read_description
from apps.models.domain.formats.reading import describe
from apps.models.errors import BrokenArtifact, RefusedArtifact, UnsafeArtifact
from tests.factories import artifacts as made
from tests.factories import graphs
from tests.factories.models import CARD, card

pytestmark = pytest.mark.unit
ESTIMATOR = made.skops_node("sklearn.linear_model._logistic.LogisticRegression")


def read(content: bytes, folder: Path) -> Description:
    path = folder / "anything.bin"
    path.write_bytes(content)
    with path.open("rb") as file:
        return describe(file)


class Evil:
    def __reduce__(self) -> Any:
        return print, ("gone",)


@pytest.mark.parametrize(
    ("content", "format_", "task", "features"),
    [
        (card(), "scorecard", "classification", ["tenure", "contract"]),
        (b"\n " + card(type="linear"), "scorecard", "regression", ["tenure", "contract"]),
        (made.onnx(), "onnx", "", ["f0", "f1"]),
        (
            made.onnx(made.node("Scaler", domain="ai.onnx.ml"), opset=made.part(1, "ai.onnx.ml") + made.whole(2, 3)),
            "onnx", "", ["f0", "f1"],
        ),
        (
            made.onnx(inputs=(made.value_info("a", (None, 1)), made.value_info("b", (None, 1), made.STRING))),
            "onnx", "", ["a", "b"],
        ),
        (json.dumps(made.XGBOOST).encode(), "xgboost", "classification", ["a", "b"]),
        (made.ubjson(made.XGBOOST), "xgboost", "classification", ["a", "b"]),
        (made.LIGHTGBM, "lightgbm", "classification", ["a", "b"]),
        (made.skops(ESTIMATOR), "skops", "", None),
        (
            json.dumps({"type": "remote", "protocol": "mlflow", "url": "https://a.example/invocations"}).encode(),
            "remote", "", None,
        ),
    ],
)  # fmt: skip
def test_a_format_is_known_by_its_content(
    content: bytes, format_: str, task: str, features: list[str] | None, tmp_path: Path
) -> None:
    found = read(content, tmp_path)

    assert (found.format, found.task) == (format_, task)
    assert (list(found.schema) if found.schema else None) == features
    assert read_description(json.loads(json.dumps(found.document()))) == found


UNSAFE: dict[str, tuple[bytes, str]] = {
    "pickle 5": (pickle.dumps(Evil(), 5), "is a pickle"),
    "pickle 2": (pickle.dumps(Evil(), 2), "is a pickle"),
    "pickle 0": (pickle.dumps(Evil(), 0), "is a pickle"),
    "pickle of plain values": (pickle.dumps({"a": [1]}, 0), "is a pickle"),
    "joblib, zlib": (zlib.compress(pickle.dumps(Evil())), "is compressed (zlib), as joblib writes pickles"),
    "joblib, gzip": (gzip.compress(b"x"), "is compressed (gzip), as joblib writes pickles"),
    "npy": (b"\x93NUMPY\x01\0", "is a NumPy array, which may hold pickled objects"),
    "npz": (made.archive({"a.npy": b"\x93NUMPY"}), "is a NumPy archive, which may hold pickled objects"),
    "pytorch": (made.archive({"data.pkl": b"\x80\x02."}), "is an archive of pickles (PyTorch)"),
    "zip": (made.archive({"readme": b"x"}), "is a zip archive and no skops model"),
    "tar": (made.tar("../../etc/passwd"), "is a tar archive"),
    "zip slip": (made.archive({"../../x": b"", "schema.json": b"{}"}), "is an archive with a path in it: '../../x'"),
    "absolute": (made.archive({"/etc/x": b"", "schema.json": b"{}"}), "is an archive with a path in it: '/etc/x'"),
    "backslash": (made.archive({"..\\x": b"", "schema.json": b"{}"}), "is an archive with a path in it: '..\\\\x'"),
    "case twins": (made.archive({"A": b"", "a": b"", "schema.json": b"{}"}), "is an archive that holds a twice"),
    "bomb": (
        made.archive({"1.npy": bytes(5_000_000), "schema.json": b"{}"}),
        "is an archive whose 1.npy unpacks to far more than it is",
    ),
    "elf": (b"\x7fELF\x02", "is an executable (ELF)"),
    "windows": (b"MZ\x90", "is an executable (Windows)"),
    "script": (b"#!/bin/sh\nrm -rf /", "is a script"),
    "python": (b"import os\nos.system('x')", "is program text"),
    "html": (b" <!DOCTYPE html><script>", "is a page or XML"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "is HDF5, in which Keras keeps code"),
    "onnx operator": (made.onnx(made.node("If")), "is an ONNX model with the operator ai.onnx.If"),
    "onnx loop": (made.onnx(made.node("Loop")), "is an ONNX model with the operator ai.onnx.Loop"),
    "onnx size by number": (made.onnx(made.node("Tile")), "is an ONNX model with the operator ai.onnx.Tile"),
    "onnx domain": (
        made.onnx(opset=made.part(1, "com.evil") + made.whole(2, 1)),
        "is an ONNX model with operators of the domain com.evil",
    ),
    "onnx node of a domain": (
        made.onnx(made.node("Relu", domain="com.evil")), "is an ONNX model with the operator com.evil.Relu",
    ),
    "onnx sub-graph": (
        made.onnx(made.node("Relu", made.part(5, made.part(6, b"")))),
        "is an ONNX model with graphs within its operators",
    ),
    "onnx functions": (made.onnx(model=made.part(25, b"")), "is an ONNX model with functions of its own"),
    "onnx training": (made.onnx(model=made.part(20, b"")), "is an ONNX model with training steps"),
    "onnx external": (
        made.onnx(graph=made.part(5, made.tensor("w", (), made.whole(14, 1)))),
        "is an ONNX model whose tensors lie in other files",
    ),
    "onnx external path": (
        made.onnx(graph=made.part(5, made.tensor("w", (), made.part(13, made.part(1, "location") + made.part(2, "/etc/passwd"))))),
        "is an ONNX model whose tensors lie in other files",
    ),
    "onnx external in an attribute": (
        made.onnx(made.node("Constant", made.part(5, made.part(5, made.tensor("w", (), made.whole(14, 1)))))),
        "is an ONNX model whose tensors lie in other files",
    ),
    "onnx open size": (
        made.onnx(inputs=(made.value_info("x", (None, None)),)), "is an ONNX model whose input x has an open size",
    ),
    "onnx large": (
        made.onnx(inputs=(made.value_info("x", (None, 10**4, 10**4)),)), "is an ONNX model whose input x is too large",
    ),
    "skops function": (
        made.skops(made.skops_node("builtins.eval", "FunctionNode")), "is a skops archive that loads by FunctionNode",
    ),
    "skops type": (
        made.skops(made.skops_node("os.system")), "is a skops archive with the type os.system",
    ),
    "skops nested": (
        made.skops({**ESTIMATOR, "content": [made.skops_node("subprocess.Popen")]}),
        "is a skops archive with the type subprocess.Popen",
    ),
    "skops function transformer": (
        made.skops(made.skops_node("sklearn.preprocessing._function_transformer.FunctionTransformer")),
        "is a skops archive with the type sklearn.preprocessing._function_transformer.FunctionTransformer",
    ),
    "skops stranger": (
        made.archive({"schema.json": json.dumps(ESTIMATOR).encode(), "x.pkl": b""}),
        "is a skops archive with a stranger in it: x.pkl",
    ),
    "skops object array": (
        made.archive({
            "schema.json": json.dumps(ESTIMATOR).encode(),
            "1.npy": b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}" + pickle.dumps(Evil()),
        }),
        "is a skops archive with pickled objects in an array",
    ),
    "xgboost objective": (
        json.dumps({"learner": {**made.XGBOOST["learner"], "objective": {"name": "mine"}}}).encode(),
        "is an XGBoost model with an objective of its own",
    ),
    "lightgbm objective": (
        made.LIGHTGBM.replace(b"objective=binary", b"objective=mine"),
        "is a LightGBM model with an objective of its own",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE)
def test_what_is_unsafe_is_refused_by_what_it_is(name: str, tmp_path: Path) -> None:
    content, found = UNSAFE[name]

    with pytest.raises(UnsafeArtifact) as refused:
        read(content, tmp_path)

    assert (refused.value.code, refused.value.found) == ("unsafe_artifact", found)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"{}",
        b"[]",
        b"{" * 100_000,
        b'{"type": "logistic"}',
        b'{"type": "linear", "terms": [{"feature": "a", "coefficient": NaN}]}',
        b'{"type": "linear", "terms": [{"feature": "a", "coefficient": 1e999}]}',
        b'{"type": "linear", "type": "linear", "terms": []}',
        b'{"type": "remote", "url": "x"}',
        b'{"type": "remote", "url": "x", "protocol": "mlflow", "headers": {}}',
        b"PK\x05\x06" + bytes(18),
        made.onnx(inputs=()),
        made.onnx(inputs=(made.value_info("x", (3, 2)),)),
        made.onnx()[:-20],
        made.LIGHTGBM.replace(b"max_feature_idx=1", b"max_feature_idx=7"),
        made.LIGHTGBM[:200],
        made.ubjson(made.XGBOOST)[:-9],
        made.ubjson(made.XGBOOST) + b"x",
        json.dumps({"learner": {}}).encode(),
        made.skops({}),
    ],
)
def test_what_is_broken_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(BrokenArtifact) as refused:
        read(content, tmp_path)

    assert refused.value.code == "broken_artifact"


@pytest.mark.parametrize(
    "content",
    [
        made.onnx(graph=made.part(5, made.tensor("w", (1.0, 2.0)))),
        made.ubjson(made.XGBOOST),
        made.LIGHTGBM,
        made.skops(ESTIMATOR, n1_npy=b"\x93NUMPY\x01\0v\0{'descr': '<f8'}"),
        card(),
        graphs.linear_classifier([[1.0, 2.0], [3.0, 4.0]], ["no", "yes"]),
        graphs.columns(),
    ],
    ids=["onnx", "ubjson", "lightgbm", "skops", "scorecard", "onnx classifier", "onnx columns"],
)
def test_cut_and_flipped_files_are_refused_or_read_and_nothing_else(
    content: bytes, tmp_path: Path
) -> None:
    """No byte of a stranger makes a reader fail in a way that was not foreseen."""
    chance = random.Random(7)
    read(content, tmp_path)
    refusals = 0
    for turn in range(400):
        bad = bytearray(content)
        if turn % 2:
            del bad[chance.randrange(len(bad)) :]
        else:
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        try:
            read(bytes(bad), tmp_path)
        except RefusedArtifact:
            refusals += 1

    assert refusals > 150


@pytest.mark.parametrize(
    ("content", "task", "classes"),
    [
        (graphs.linear_classifier([[1.0], [2.0]], [3, -4]), "classification", [3, -4]),
        (graphs.linear_classifier([[1.0], [2.0]], ["ja", "nö"], has_maps=False), "classification", ["ja", "nö"]),
        (graphs.dense([[1.0], [2.0]], "Sigmoid"), "classification", []),
        (graphs.dense([[1.0, 2.0]], "Sigmoid"), "", []),
        (graphs.dense([[1.0, 2.0]], "Softmax"), "classification", []),
        (graphs.dense([[1.0], [2.0]]), "", []),
        (graphs.trees(2, 1, 1), "regression", []),
    ],
    ids=["integers", "words", "one probability", "two sigmoids", "softmax", "number", "trees"],
)  # fmt: skip
def test_onnx_says_its_task_and_classes(
    content: bytes, task: str, classes: list[int | str], tmp_path: Path
) -> None:
    found = read(content, tmp_path)

    assert (found.task, found.details["classes"]) == (task, classes)


def test_classes_may_be_packed_and_are_bounded(tmp_path: Path) -> None:
    packed = made.part(8, b"".join(made.varint(number) for number in range(20_000)))
    named = made.part(5, made.part(1, "classlabels_int64s") + packed)
    other = made.part(5, made.part(1, "other") + made.part(8, b"\xff" * 50))

    found = read(made.onnx(made.node("Sigmoid", other, named)), tmp_path)

    assert found.details["classes"] == list(range(1000))


def test_the_card_of_the_tests_is_one() -> None:
    assert CARD["type"] == "logistic"
