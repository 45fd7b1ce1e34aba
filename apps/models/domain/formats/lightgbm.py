"""LightGBM models in its text format: the head is read, each tree's lengths are the library's to judge, in the child."""

from __future__ import annotations

import re
from typing import Final

from apps.models.domain.formats.description import Description
from apps.models.domain.schema import MOST_FEATURES, Schema
from apps.models.enums import Format, Task
from apps.models.errors import BrokenArtifact, UnsafeArtifact

MOST_HEAD = 8 * 1024 * 1024
OBJECTIVES: Final = frozenset(
    [
        "binary",
        "multiclass",
        "multiclassova",
        "regression",
        "regression_l1",
        "huber",
        "fair",
        "poisson",
        "quantile",
        "mape",
        "gamma",
        "tweedie",
        "cross_entropy",
        "cross_entropy_lambda",
        "lambdarank",
        "rank_xendcg",
    ]
)
CLASSIFIERS: Final = frozenset({"binary", "multiclass", "multiclassova", "cross_entropy"})
_TREE: Final = re.compile(rb"\n\s*\n?Tree=0\r?\n")


def describe(data: memoryview) -> Description:
    """Raises `BrokenArtifact`, `UnsafeArtifact`."""
    head = _head(bytes(data[:MOST_HEAD]))
    if b"\nend of trees" not in bytes(data[-MOST_HEAD:]):
        raise BrokenArtifact("is a LightGBM model that is cut off")
    objective = head.get("objective", "").split(" ")[0]
    if objective not in OBJECTIVES:
        raise UnsafeArtifact("is a LightGBM model with an objective of its own")
    names = head.get("feature_names", "").split()
    if (
        not names
        or len(set(names)) != len(names)
        or head.get("max_feature_idx") != str(len(names) - 1)
    ):
        raise BrokenArtifact("is a LightGBM model whose feature names do not fit their number")
    classes = head.get("num_class", "1")
    if not classes.isdecimal():
        raise BrokenArtifact("is a LightGBM model with a count that is none")
    return Description(
        format=Format.LIGHTGBM,
        task=Task.CLASSIFICATION if objective in CLASSIFIERS else Task.REGRESSION,
        schema=_schema(names),
        runtime="lightgbm",
        details={"objective": objective, "classes": int(classes)},
    )


def _head(data: bytes) -> dict[str, str]:
    end = _TREE.search(data)
    if end is None:
        raise BrokenArtifact("is a LightGBM model without trees")
    try:
        lines = data[: end.start()].decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise BrokenArtifact("is a LightGBM model that is no text") from None
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _schema(names: list[str]) -> Schema | None:
    if len(names) > MOST_FEATURES:
        return None
    return {name: {"type": "number"} for name in names}
