"""KServe's open inference protocol, version 2, as JSON: tensors in, tensors out.

A model's features are one input each, called as they are, or all together one input whose second dimension counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, TypeGuard

from apps.core.errors import Invalid
from apps.core.json import shown
from apps.models.domain.schema import Schema
from apps.models.domain.scoring import Scored
from apps.models.domain.tables import VersionView

DATATYPES: Final = frozenset(
    {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"}
)  # fmt: skip
OURS: Final = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}
PREDICTION, PROBABILITY, PROBABILITIES = "prediction", "probability", "probabilities"


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    inputs: tuple[tuple[str, int, list[Any]], ...]
    """Name, values in a row, and all values of one input."""
    rows: int
    outputs: frozenset[str] | None


def read_question(body: Any, most: int) -> Question:
    """Raises `Invalid`."""
    if not isinstance(body, Mapping):
        raise Invalid.field("body", "must be an object", "type")
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Invalid.field("inputs", "must be a list of tensors", "type")
    read = tuple(_input(each, f"inputs.{at}") for at, each in enumerate(inputs))
    if len({name for name, _, _ in read}) != len(read):
        raise Invalid.field("inputs", "has two tensors of one name", "unique")
    counts = {len(values) // width for _, width, values in read}
    if len(counts) != 1:
        raise Invalid.field("inputs", "must all have the same number of rows", "shape")
    rows = counts.pop()
    if not 0 < rows <= most:
        raise Invalid.field("inputs", f"must have 1 to {most} rows", "length")
    name = body.get("id", "")
    if not isinstance(name, str) or len(name) > 255:
        raise Invalid.field("id", "must be text of 255 characters at most", "type")
    return Question(name, read, rows, _outputs(body.get("outputs")))


def features_of(question: Question, names: Sequence[str]) -> list[dict[str, Any]]:
    """One row of features for each row of the tensors; what is wrong with their values is the schema's to say."""
    if len(question.inputs) == 1 and question.inputs[0][0] not in names:
        _, width, values = question.inputs[0]
        if width != len(names):
            raise Invalid.field("inputs.0.shape", f"must have {len(names)} values a row", "shape")
        starts = range(0, len(values), width)
        return [dict(zip(names, values[at : at + width], strict=True)) for at in starts]
    for at, (_, width, _) in enumerate(question.inputs):
        if width != 1:
            raise Invalid.field(f"inputs.{at}.shape", "must have one value a row", "shape")
    columns = {name: values for name, _, values in question.inputs}
    return [{name: values[row] for name, values in columns.items()} for row in range(question.rows)]


def answer(question: Question, version: VersionView, scored: Sequence[Scored]) -> dict[str, Any]:
    outputs = [_column(PREDICTION, [one.prediction for one in scored])]
    if scored[0].probability is not None:
        outputs.append(_column(PROBABILITY, [one.probability for one in scored]))
    if (first := scored[0].probabilities) is not None:
        flat = [value for one in scored for value in (one.probabilities or {}).values()]
        outputs.append(
            {"name": PROBABILITIES, "datatype": "FP64", "shape": [len(scored), len(first)], "data": flat}
        )  # fmt: skip
    if question.outputs is not None:
        outputs = [each for each in outputs if each["name"] in question.outputs]
    said = {"model_name": version.model, "model_version": version.label, "outputs": outputs}
    return {"id": question.id, **said} if question.id else said


def metadata(name: str, version: VersionView | None, versions: Sequence[str]) -> dict[str, Any]:
    schema: Schema = {} if version is None else version.blueprint.schema
    is_classifier = version is not None and version.blueprint.described.task == "classification"
    outputs = [{"name": PREDICTION, "datatype": "BYTES" if is_classifier else "FP64", "shape": [-1]}]  # fmt: skip
    if is_classifier:
        outputs.append({"name": PROBABILITY, "datatype": "FP64", "shape": [-1]})
    return {
        "name": name,
        "versions": list(versions),
        "platform": "" if version is None else str(version.blueprint.described.format),
        "inputs": [
            {"name": feature, "datatype": OURS[spec["type"]], "shape": [-1]}
            for feature, spec in schema.items()
        ],
        "outputs": outputs,
    }


def _input(tensor: Any, where: str) -> tuple[str, int, list[Any]]:
    if not isinstance(tensor, Mapping):
        raise Invalid.field(where, "must be a tensor", "type")
    name, shape, kind = tensor.get("name"), tensor.get("shape"), tensor.get("datatype")
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        raise Invalid.field(f"{where}.name", "must be a name", "type")
    if not isinstance(kind, str) or kind not in DATATYPES:
        raise Invalid.field(f"{where}.datatype", f"must be among: {', '.join(sorted(DATATYPES))}", "choice")  # fmt: skip
    if not _is_shape(shape):
        raise Invalid.field(f"{where}.shape", "must be a list of whole numbers above zero", "shape")
    values = tensor.get("data")
    if not isinstance(values, list):
        text = "must be a list: tensors in binary form are not read here"
        raise Invalid.field(f"{where}.data", text, "type")
    flat = _flat(values)
    if len(flat) != prod(shape):
        raise Invalid.field(f"{where}.data", f"must have the {prod(shape)} values of its shape", "shape")  # fmt: skip
    return name, prod(shape[1:]), flat


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    if not isinstance(shape, list) or not 0 < len(shape) <= 3:
        return False
    return all(type(length) is int and 0 < length <= 1_000_000 for length in shape)


def _flat(values: list[Any]) -> list[Any]:
    """Rows within rows, as some clients send them."""
    while values and isinstance(values[0], list):
        if not all(isinstance(each, list) for each in values):
            return []
        values = [value for each in values for value in each]
    return values


def _outputs(asked: Any) -> frozenset[str] | None:
    if asked is None or asked == []:
        return None
    known = {PREDICTION, PROBABILITY, PROBABILITIES}
    if not isinstance(asked, list) or not all(isinstance(each, Mapping) for each in asked):
        raise Invalid.field("outputs", "must be a list of names", "type")
    names = [each.get("name") for each in asked]
    for at, name in enumerate(names):
        if not isinstance(name, str) or name not in known:
            text = f"must be among: {', '.join(sorted(known))}, and is {shown(str(name))}"
            raise Invalid.field(f"outputs.{at}.name", text, "choice")
    return frozenset(names)


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    first = values[0]
    kind = "BOOL" if isinstance(first, bool) else "INT64" if isinstance(first, int) else "FP64"
    if isinstance(first, str):
        kind = "BYTES"
    return {"name": name, "datatype": kind, "shape": [len(values)], "data": list(values)}
