"""ONNX graphs: read by hand, field by field, so that what a graph reaches for is known before anything runs it.

Refused: operators that are not listed, sub-graphs (Loop, If, Scan), functions and domains of others, tensors that lie in
other files, inputs whose size is open beyond the rows of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from apps.models.domain.formats.description import Description, numbered_features
from apps.models.domain.formats.operators import ONNX, OPERATORS
from apps.models.domain.formats.protobuf import fields, message, number, text, varint
from apps.models.domain.schema import MOST_FEATURES, Schema
from apps.models.enums import Format, Task
from apps.models.errors import BrokenArtifact, UnsafeArtifact

MOST_NODES = 20_000
MOST_WIDTH = 1_000_000
"""Values of one row of an input or output."""
MOST_CLASSES = 1000
MOST_PACKED = 1000
LONGEST_CLASS = 200
TYPES: Final = {
    1: "float",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    11: "double",
    2: "uint8",
    3: "int8",
    5: "int16",
}
SHAPERS: Final = frozenset(
    {"Cast", "Clip", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"}
)
_KINDS: Final = {"float": "number", "double": "number", "string": "string", "bool": "boolean"}


@dataclass(slots=True)
class _Graph:
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    operators: set[str] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)
    makers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of each value: the operator that makes it, and its first input."""
    classes: list[int | str] = field(default_factory=list)
    """As the last operator that names any calls them."""
    nodes: int = 0


def describe(data: memoryview) -> Description:
    """Raises `UnsafeArtifact`, `BrokenArtifact`."""
    graph, opsets = None, {}
    for tag, _, value in fields(data):
        if tag == 7:
            if graph is not None:
                raise BrokenArtifact("has two graphs")
            graph = _graph(message(value))
        elif tag == 8:
            domain, version = _opset(message(value))
            opsets[domain] = version
        elif tag == 20:
            raise UnsafeArtifact("is an ONNX model with training steps")
        elif tag == 25:
            raise UnsafeArtifact("is an ONNX model with functions of its own")
    if graph is None or not graph.nodes or not opsets:
        raise BrokenArtifact("is not an ONNX model: it has no graph")
    return _described(graph, opsets)


def _described(graph: _Graph, opsets: dict[str, int]) -> Description:
    inputs = [each for each in graph.inputs if each["name"] not in graph.constants]
    if not inputs or not graph.outputs:
        raise BrokenArtifact("is an ONNX model without inputs or outputs")
    for each in inputs:
        if each["dims"] and (each["dims"][0] or 1) != 1:
            raise BrokenArtifact(
                f"is an ONNX model that takes exactly {each['dims'][0]} rows at once"
            )
    return Description(
        format=Format.ONNX,
        task=_task(graph),
        schema=_schema(inputs),
        runtime="onnxruntime",
        in_process=True,
        details={
            "inputs": inputs,
            "outputs": graph.outputs,
            "operators": sorted(graph.operators),
            "opsets": opsets,
            "nodes": graph.nodes,
            "classes": graph.classes,
        },
    )


def _opset(value: memoryview) -> tuple[str, int]:
    domain, version = ONNX, 0
    for tag, _, part in fields(value):
        if tag == 1:
            domain = text(part) or ONNX
        elif tag == 2:
            version = number(part)
    if domain not in OPERATORS:
        raise UnsafeArtifact(f"is an ONNX model with operators of the domain {domain[:60]}")
    return domain, version


def _graph(value: memoryview) -> _Graph:
    graph = _Graph()
    for tag, _, part in fields(value):
        if tag == 1:
            _node(message(part), graph)
        elif tag in (5, 15):
            graph.constants.add(_tensor(message(part)) if tag == 5 else _sparse(message(part)))
        elif tag == 11:
            graph.inputs.append(_value(message(part), "input"))
        elif tag == 12:
            graph.outputs.append(_value(message(part), "output"))
    return graph


def _node(value: memoryview, graph: _Graph) -> None:
    operator, domain, first = "", ONNX, ""
    made: list[str] = []
    for tag, _, part in fields(value):
        if tag == 1:
            first = first or text(part)
        elif tag == 2:
            made.append(text(part))
        elif tag == 4:
            operator = text(part)
        elif tag == 7:
            domain = text(part) or ONNX
        elif tag == 5:
            graph.classes = _attribute(message(part)) or graph.classes
    if operator not in OPERATORS.get(domain, frozenset()):
        raise UnsafeArtifact(f"is an ONNX model with the operator {domain[:60]}.{operator[:60]}")
    graph.operators.add(operator)
    graph.makers.update((name, (operator, first)) for name in made)
    graph.nodes += 1
    if graph.nodes > MOST_NODES:
        raise BrokenArtifact(f"is an ONNX model of more than {MOST_NODES} nodes")


def _attribute(value: memoryview) -> list[int | str]:
    """The names of classes, where it holds them."""
    name, found = "", list[int | str | memoryview]()
    for tag, _, part in fields(value):
        if tag in (6, 11):
            raise UnsafeArtifact("is an ONNX model with graphs within its operators")
        if tag in (5, 10):
            _tensor(message(part))
        elif tag in (22, 23):
            _sparse(message(part))
        elif tag == 1:
            name = text(part)
        elif len(found) < MOST_CLASSES and tag in (8, 9):
            found.append(_class_name(message(part)) if tag == 9 else part)
    return _class_names(found) if name.startswith("classlabels_") else []


def _class_names(found: list[int | str | memoryview]) -> list[int | str]:
    """Integers stand one by one or packed, as whoever wrote the file liked it."""
    names: list[int | str] = []
    for each in found:
        if isinstance(each, memoryview):
            names += _packed(each, MOST_CLASSES)
        else:
            names.append(number(each) if isinstance(each, int) else each)
    return names[:MOST_CLASSES]


def _class_name(value: memoryview) -> str:
    return bytes(value[:LONGEST_CLASS]).decode("utf-8", "replace")


def _tensor(value: memoryview) -> str:
    name, size = "", 1
    for tag, wire, part in fields(value):
        if tag == 13 or (tag == 14 and number(part) != 0):
            raise UnsafeArtifact("is an ONNX model whose tensors lie in other files")
        if tag == 8:
            name = text(part)
        elif tag == 1:
            for length in [number(part)] if wire == 0 else _packed(message(part)):
                size *= length
                if length < 0 or size > 2**34:
                    raise BrokenArtifact("is an ONNX model with a tensor of no possible size")
    return name


def _sparse(value: memoryview) -> str:
    name = ""
    for tag, _, part in fields(value):
        if tag in (1, 2):
            name = _tensor(message(part)) or name
    return name


def _packed(value: memoryview, most: int = MOST_PACKED) -> list[int]:
    """No more than `most` of them: the dimensions of a tensor, or names of classes."""
    found: list[int] = []
    place = 0
    while place < len(value) and len(found) < most:
        each, place = varint(value, place)
        found.append(number(each))
    return found


def _value(value: memoryview, role: str) -> dict[str, Any]:
    name, kind = "", ""
    dims: list[int | None] = []
    for tag, _, part in fields(value):
        if tag == 1:
            name = text(part)
        elif tag == 2:
            kind, dims = _type(message(part), role)
    width = 1
    for length in dims[1:]:
        if length is None and role == "input":
            raise UnsafeArtifact(f"is an ONNX model whose input {name[:60]} has an open size")
        width *= length or 1
    if width > MOST_WIDTH:
        raise UnsafeArtifact(f"is an ONNX model whose {role} {name[:60]} is too large")
    return {"name": name, "type": kind, "dims": dims}


def _type(value: memoryview, role: str) -> tuple[str, list[int | None]]:
    for tag, _, part in fields(value):
        if tag == 1:
            return _tensor_type(message(part))
        if tag in (4, 5) and role == "output":  # ZipMap answers a list of maps
            return "sequence" if tag == 4 else "map", []
    raise BrokenArtifact(f"is an ONNX model with an {role} that is no tensor")


def _tensor_type(value: memoryview) -> tuple[str, list[int | None]]:
    kind = ""
    dims: list[int | None] = []
    for tag, _, part in fields(value):
        if tag == 1:
            kind = TYPES.get(number(part), "")
        elif tag == 2:
            dims = [_dim(message(each)) for tag, _, each in fields(message(part)) if tag == 1]
    if not kind:
        raise BrokenArtifact("is an ONNX model with values of a type we do not serve")
    return kind, dims


def _dim(value: memoryview) -> int | None:
    for tag, _, part in fields(value):
        if tag == 1:
            length = number(part)
            if not 0 <= length <= MOST_WIDTH:
                raise UnsafeArtifact("is an ONNX model with an input or output that is too large")
            return length or None
    return None


def _task(graph: _Graph) -> str:
    classifiers = {
        "LinearClassifier",
        "SVMClassifier",
        "TreeEnsembleClassifier",
        "ZipMap",
        "ArgMax",
        "Softmax",
    }
    if graph.operators & classifiers:
        return Task.CLASSIFICATION
    regressors = {"LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor"}
    if graph.operators & regressors:
        return Task.REGRESSION
    last = graph.outputs[0]
    is_one = (_width(last) if len(last["dims"]) < 3 else 0) == 1
    return Task.CLASSIFICATION if is_one and _ends_in_sigmoid(graph, last["name"]) else ""


def _ends_in_sigmoid(graph: _Graph, name: str) -> bool:
    """Whether the output is a probability of one class, whatever shape it is then brought into."""
    for _ in range(10):
        operator, name = graph.makers.get(name, ("", ""))
        if operator not in SHAPERS:
            return operator == "Sigmoid"
    return False


def _schema(inputs: list[dict[str, Any]]) -> Schema | None:
    """One input a feature, or one input that is a row of numbers."""
    if len(inputs) == 1 and len(inputs[0]["dims"]) == 2 and (inputs[0]["dims"][1] or 1) > 1:
        width = inputs[0]["dims"][1]
        is_numeric = inputs[0]["type"] not in ("string", "bool")
        return numbered_features(width) if is_numeric and width <= MOST_FEATURES else None
    if len(inputs) > MOST_FEATURES:
        return None
    is_plain = all(len(each["dims"]) <= 2 and _width(each) == 1 for each in inputs)
    kinds = {each["name"]: {"type": _KINDS.get(each["type"], "integer")} for each in inputs}
    return kinds if is_plain else None


def _width(value: dict[str, Any]) -> int:
    return (value["dims"][1] or 1) if len(value["dims"]) == 2 else 1
