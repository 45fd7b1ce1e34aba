"""Artefacts made by hand, byte by byte: ONNX graphs, UBJSON, LightGBM text, archives, and what must be refused."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

FLOAT, STRING = 1, 8


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def part(number: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def value_info(name: str, dims: tuple[int | None, ...] = (None, 2), kind: int = FLOAT) -> bytes:
    shape = b"".join(
        part(1, part(2, "n") if length is None else whole(1, length)) for length in dims
    )
    return part(1, name) + part(2, part(1, whole(1, kind) + part(2, shape)))


def tensor(name: str, values: tuple[float, ...], *more: bytes) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    return whole(1, len(values)) + whole(2, FLOAT) + part(8, name) + part(9, data) + b"".join(more)


def node(operator: str, *more: bytes, domain: str = "", inputs: tuple[str, ...] = ("x",)) -> bytes:
    named = b"".join(part(1, name) for name in inputs)
    return named + part(2, "y") + part(4, operator) + part(7, domain) + b"".join(more)


def onnx(
    *nodes: bytes,
    inputs: tuple[bytes, ...] | None = None,
    opset: bytes = b"",
    graph: bytes = b"",
    model: bytes = b"",
) -> bytes:
    """`y = sigmoid(x)` over rows of two numbers, unless told otherwise."""
    given = (value_info("x"),) if inputs is None else inputs
    body = b"".join(part(1, each) for each in nodes or (node("Sigmoid"),))
    body += part(2, "g") + graph + b"".join(part(11, each) for each in given)
    body += part(12, value_info("y"))
    return whole(1, 8) + part(7, body) + part(8, opset or whole(2, 17)) + model


def archive(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def tar(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        made.addfile(tarfile.TarInfo(name))
    return out.getvalue()


def skops(schema: Any, **members: bytes) -> bytes:
    """Members by name; an underscore in the name is its dot."""
    named = {name.replace("_", ".").lstrip("n"): data for name, data in members.items()}
    return archive({**named, "schema.json": json.dumps(schema).encode()})


def skops_node(name: str, loader: str = "ObjectNode", **more: Any) -> dict[str, Any]:
    module, _, kind = name.rpartition(".")
    return {"__class__": kind, "__module__": module, "__loader__": loader, **more}


LIGHTGBM = b"""tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b
feature_infos=[0:1] [0:1]
tree_sizes=0

Tree=0
num_leaves=2

end of trees
"""
XGBOOST: dict[str, Any] = {
    "version": [3, 0, 0],
    "learner": {
        "attributes": {},
        "feature_names": ["a", "b"],
        "feature_types": ["float", "int"],
        "gradient_booster": {"name": "gbtree"},
        "learner_model_param": {"num_feature": "2", "num_class": "0", "base_score": "0.5"},
        "objective": {"name": "binary:logistic"},
    },
}


def ubjson(value: Any) -> bytes:
    """As XGBoost writes it: names with a length and no mark, lengths of eight bytes."""
    match value:
        case dict():
            inner = b"".join(_text(name) + ubjson(each) for name, each in value.items())
            return b"{" + inner + b"}"
        case list():
            return b"[" + b"".join(ubjson(each) for each in value) + b"]"
        case str():
            return b"S" + _text(value)
        case _:
            return b"L" + struct.pack(">q", value)


def _text(value: str) -> bytes:
    return b"L" + struct.pack(">q", len(value.encode())) + value.encode()
