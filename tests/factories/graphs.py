"""ONNX graphs that are models, written byte by byte: each says what it answers, so that tests can compute it themselves."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.factories.artifacts import FLOAT, STRING, part, value_info, varint, whole

INT64, BOOL = 7, 9
ML = "ai.onnx.ml"


def attribute(name: str, value: float | str | Sequence[float | str]) -> bytes:
    """As a field of its node."""
    if isinstance(value, int):
        body = whole(3, value) + whole(20, 2)
    elif isinstance(value, float):
        body = varint(2 << 3 | 5) + struct.pack("<f", value) + whole(20, 1)
    elif isinstance(value, str):
        body = part(4, value) + whole(20, 3)
    elif isinstance(value[0], int):
        body = b"".join(whole(8, int(each) % 2**64) for each in value) + whole(20, 7)
    elif isinstance(value[0], str):
        body = b"".join(part(9, str(each)) for each in value) + whole(20, 8)
    else:
        body = part(7, struct.pack(f"<{len(value)}f", *value)) + whole(20, 6)
    return part(5, part(1, name) + body)


def node(
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *attributes: bytes,
    domain: str = "",
) -> bytes:
    named = b"".join(part(1, each) for each in inputs) + b"".join(part(2, each) for each in outputs)
    return named + part(4, operator) + part(7, domain) + b"".join(attributes)


def matrix(name: str, rows: Sequence[Sequence[float]]) -> bytes:
    values = [value for row in rows for value in row]
    dims = whole(1, len(rows)) + whole(1, len(rows[0]))
    return (
        dims + whole(2, FLOAT) + part(8, name) + part(9, struct.pack(f"<{len(values)}f", *values))
    )


def maps_info(name: str, key: int) -> bytes:
    """A list of maps from a class to its probability."""
    value = part(1, whole(1, FLOAT))
    return part(1, name) + part(2, part(4, part(1, part(5, whole(1, key) + part(2, value)))))


def graph(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    constants: Sequence[bytes] = (),
) -> bytes:
    body = b"".join(part(1, each) for each in nodes) + part(2, "g")
    body += b"".join(part(5, each) for each in constants)
    body += b"".join(part(11, each) for each in inputs)
    body += b"".join(part(12, each) for each in outputs)
    opsets = part(8, whole(2, 17)) + part(8, part(1, ML) + whole(2, 3))
    return whole(1, 8) + part(7, body) + opsets


def linear_classifier(
    weights: Sequence[Sequence[float]],
    classes: Sequence[int] | Sequence[str],
    *,
    has_maps: bool = True,
    link: str = "SOFTMAX",
) -> bytes:
    """The probability of a class is the softmax of its row of weights times the features."""
    is_text = isinstance(classes[0], str)
    kind, width = (STRING if is_text else INT64), len(weights[0])
    flat = [float(value) for row in weights for value in row]
    zipped = "classlabels_strings" if is_text else "classlabels_int64s"
    nodes = [
        node(
            "LinearClassifier", ["x"], ["label", "scores"],
            attribute("coefficients", flat),
            attribute("intercepts", [0.0] * len(weights)),
            attribute("classlabels_strings" if is_text else "classlabels_ints", classes),
            attribute("post_transform", link),
            domain=ML,
        ),
    ]  # fmt: skip
    outputs = [value_info("label", (None,), kind)]
    if has_maps:
        nodes.append(node("ZipMap", ["scores"], ["maps"], attribute(zipped, classes), domain=ML))
        outputs.append(maps_info("maps", kind))
    else:
        outputs.append(value_info("scores", (None, len(weights))))
    return graph(nodes, [value_info("x", (None, width))], outputs)


def dense(weights: Sequence[Sequence[float]], link: str = "") -> bytes:
    """`link(x @ weights)`, in one tensor."""
    ends = ["made", "y"] if link else ["y"]
    nodes = [node("MatMul", ["x", "w"], [ends[0]])]
    if link:
        nodes.append(node(link, [ends[0]], ["y"]))
    inputs = [value_info("x", (None, len(weights)))]
    return graph(nodes, inputs, [value_info("y", (None, len(weights[0])))], [matrix("w", weights)])


def columns() -> bytes:
    """`a + 10 b + 100 c + 1000 (s is "two")`: a number, an integer, a flag and a word, each an input of its own."""
    nodes = [
        node("Cast", ["b"], ["b1"], attribute("to", FLOAT)),
        node("Cast", ["c"], ["c1"], attribute("to", FLOAT)),
        node(
            "LabelEncoder", ["s"], ["s1"],
            attribute("keys_strings", ["one", "two"]),
            attribute("values_floats", [0.0, 1.0]),
            attribute("default_float", -1.0),
            domain=ML,
        ),
        node("Concat", ["a", "b1", "c1", "s1"], ["all"], attribute("axis", 1)),
        node("MatMul", ["all", "w"], ["y"]),
    ]  # fmt: skip
    kinds = {"a": FLOAT, "b": INT64, "c": BOOL, "s": STRING}
    inputs = [value_info(name, (None, 1), kind) for name, kind in kinds.items()]
    weights = matrix("w", [[1.0], [10.0], [100.0], [1000.0]])
    return graph(nodes, inputs, [value_info("y", (None, 1))], [weights])


def trees(width: int, count: int, depth: int) -> bytes:
    """A forest whose trees compare one feature after the other with zero, and answer which side it was, as bits."""
    per = 2 ** (depth + 1) - 1
    inner = 2**depth - 1
    ids = [(tree, number) for tree in range(count) for number in range(per)]
    leaves = [(tree, number) for tree, number in ids if number >= inner]
    features = [
        (tree + number.bit_length()) % width if number < inner else 0 for tree, number in ids
    ]
    made = node(
        "TreeEnsembleRegressor", ["x"], ["y"],
        attribute("n_targets", 1),
        attribute("nodes_treeids", [tree for tree, _ in ids]),
        attribute("nodes_nodeids", [number for _, number in ids]),
        attribute("nodes_featureids", features),
        attribute("nodes_modes", ["BRANCH_LEQ" if number < inner else "LEAF" for _, number in ids]),
        attribute("nodes_values", [0.0] * len(ids)),
        attribute("nodes_truenodeids", [2 * number + 1 if number < inner else 0 for _, number in ids]),
        attribute("nodes_falsenodeids", [2 * number + 2 if number < inner else 0 for _, number in ids]),
        attribute("target_treeids", [tree for tree, _ in leaves]),
        attribute("target_nodeids", [number for _, number in leaves]),
        attribute("target_ids", [0] * len(leaves)),
        attribute("target_weights", [float(number - inner) / count for _, number in leaves]),
        domain=ML,
    )  # fmt: skip
    return graph([made], [value_info("x", (None, width))], [value_info("y", (None, 1))])
