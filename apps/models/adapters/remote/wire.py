"""The two protocols by which other servers score: KServe's V2 and MLflow's `/invocations`. Pure: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apps.core import json as strict_json
from apps.core.errors import AppError, Upstream
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Row, Schema
from apps.models.domain.scoring import Label, Scored

KSERVE, MLFLOW = "kserve-v2", "mlflow"
DATATYPES: Final[Mapping[str, str]] = {
    "number": "FP64",
    "integer": "INT64",
    "string": "BYTES",
    "boolean": "BOOL",
}
PREDICTIONS: Final = (
    "prediction",
    "predictions",
    "predict",
    "label",
    "labels",
    "output_label",
    "class",
)
PROBABILITIES: Final = (
    "probabilities",
    "probability",
    "predict_proba",
    "output_probability",
    "scores",
    "proba",
)
SUM_TOLERANCE: Final = 1e-3
MOST_CLASSES: Final = 1000
LONGEST_LABEL: Final = 1000
"""An answer is kept in memory and in the log, and another's server may say megabytes."""


def address_of(described: Description) -> str:
    """Where rows are sent: the address as it was given where it says so itself, else the protocol's own path on it."""
    details = described.details
    url = str(details["url"]).rstrip("/")
    if details["protocol"] == MLFLOW:
        return url if url.endswith("/invocations") else f"{url}/invocations"
    if url.endswith("/infer"):
        return url
    return f"{url}/infer" if "/v2/models/" in url else f"{url}/v2/models/{details['model']}/infer"


def write_rows(protocol: str, schema: Schema, rows: Sequence[Row]) -> bytes:
    if protocol == MLFLOW:
        return strict_json.dumps({"dataframe_split": {"columns": list(schema), "data": rows}})
    columns = zip(schema.items(), zip(*rows, strict=True), strict=True)
    inputs = [
        {
            "name": name,
            "shape": [len(rows), 1],
            "datatype": DATATYPES[spec["type"]],
            "data": column,
        }
        for (name, spec), column in columns
    ]
    return strict_json.dumps({"inputs": inputs})


def read_answers(protocol: str, body: bytes, count: int) -> list[Scored]:
    """Raises `Upstream` for what is no answer of `count` rows."""
    try:
        document = strict_json.parse(body)
    except AppError as error:
        raise Upstream(f"The model's server answers what cannot be read: {error.message}") from None
    if not isinstance(document, dict):
        raise Upstream("The model's server answers something else than predictions.")
    columns = _mlflow(document) if protocol == MLFLOW else _kserve(document)
    predictions = _found(columns, PREDICTIONS)
    probabilities = _found(columns, PROBABILITIES)
    if predictions is None and probabilities is None:
        predictions = next(iter(columns.values()), None)
    for column in (predictions, probabilities):
        if column is not None and len(column) != count:
            raise Upstream(f"The model's server made {len(column)} answers of {count} rows.")
    if predictions is None and probabilities is None:
        raise Upstream("The model's server answers no predictions.")
    said = predictions or [None] * count
    told = probabilities or [None] * count
    return [_scored(one, other) for one, other in zip(said, told, strict=True)]


def _mlflow(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """A list of values, of rows of probabilities, of objects; or an object of columns."""
    found = document.get("predictions")
    if isinstance(found, dict):
        return {
            str(name): list(column) for name, column in found.items() if isinstance(column, list)
        }
    if not isinstance(found, list):
        raise Upstream("The model's server answers no predictions.")
    if found and all(isinstance(each, dict) for each in found):
        return {str(name): [each.get(name) for each in found] for name in found[0]}
    return {"prediction": found}


def _kserve(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    outputs = document.get("outputs")
    if not isinstance(outputs, list):
        raise Upstream("The model's server answers no outputs.")
    columns = {}
    for each in outputs:
        if not isinstance(each, dict) or not isinstance(each.get("data"), list):
            raise Upstream("The model's server answers an output without its data.")
        columns[str(each.get("name"))] = _rows_of(each)
    return columns


def _rows_of(output: Mapping[str, Any]) -> list[Any]:
    """Values lie one after the other, or in lists as the shape says."""
    shape = output.get("shape")
    data: list[Any] = output["data"]
    if not isinstance(shape, list) or len(shape) < 2 or (data and isinstance(data[0], list)):
        return data
    width = shape[-1]
    if not isinstance(width, int) or not 0 < width <= len(data) or len(data) % width:
        raise Upstream("The model's server answers an output whose shape does not fit its data.")
    return [data[at : at + width] for at in range(0, len(data), width)] if width > 1 else data


def _found(columns: Mapping[str, list[Any]], names: Sequence[str]) -> list[Any] | None:
    return next((columns[name] for name in names if name in columns), None)


def _scored(said: Any, told: Any) -> Scored:
    said, told = _alone(said), _alone(told)
    if isinstance(said, list) and told is None:
        said, told = None, said  # rows of probabilities, by the name of predictions
    table = _table(told)
    if table is None:
        probability = _number(told) if told is not None else None
        if said is None:
            if probability is None:
                raise Upstream("The model's server leaves a row without an answer.")
            return _of_two(int(probability > 0.5), probability)
        return Scored(_label(said)) if probability is None else _of_two(_label(said), probability)
    names, values = table
    best = max(range(len(values)), key=values.__getitem__)
    label = _label(said) if said is not None else _read_name(names[best])
    if not _are_probabilities(values):
        return Scored(label)
    if len(values) == 2:
        return _of_two(label, values[1])
    if str(label) in names:
        best = names.index(str(label))
    others = max((each for place, each in enumerate(values) if place != best), default=0.0)
    by_name = dict(zip(names, values, strict=True))
    return Scored(label, values[best], by_name, max(0.0, (values[best] - others) / 2))


def _of_two(label: Label, probability: float) -> Scored:
    if not 0 <= probability <= 1:
        return Scored(label)
    return Scored(label, probability, None, abs(probability - 0.5))


def _alone(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _table(told: Any) -> tuple[list[str], list[float]] | None:
    if isinstance(told, dict | list) and len(told) > MOST_CLASSES:
        raise Upstream(f"The model's server answers more than {MOST_CLASSES} classes.")
    if isinstance(told, dict) and max(map(len, map(str, told)), default=0) > LONGEST_LABEL:
        raise Upstream(f"The model's server answers a word of more than {LONGEST_LABEL} letters.")
    if isinstance(told, dict) and told:
        return [str(name) for name in told], [_number(each) for each in told.values()]
    if isinstance(told, list) and told:
        return [str(place) for place in range(len(told))], [_number(each) for each in told]
    return None


def _are_probabilities(values: Sequence[float]) -> bool:
    return min(values) >= 0 and abs(sum(values) - 1) <= SUM_TOLERANCE


def _read_name(name: str) -> Label:
    return int(name) if name.isascii() and name.isdigit() and len(name) < 19 else name


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Upstream("The model's server answers a probability that is no number.")
    return float(value)


def _label(value: Any) -> Label:
    if isinstance(value, str) and len(value) > LONGEST_LABEL:
        raise Upstream(f"The model's server answers a word of more than {LONGEST_LABEL} letters.")
    if isinstance(value, bool | int | float | str):
        return value
    raise Upstream("The model's server answers a prediction that is neither a number nor a word.")
