"""XGBoost models, as JSON or UBJSON: what they say of themselves. Their trees are the library's to read, in the child."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from apps.models.domain.formats import ubjson
from apps.models.domain.formats.description import Description, numbered_features
from apps.models.domain.schema import MOST_FEATURES, Schema
from apps.models.enums import Format, Task
from apps.models.errors import BrokenArtifact, UnsafeArtifact

BOOSTERS: Final = frozenset({"gbtree", "gblinear", "dart"})
OBJECTIVES: Final = re.compile(
    r"(?:binary|multi|reg|count|rank|survival):[a-z0-9_]{1,40}"
).fullmatch
_TYPES: Final = {
    "float": "number",
    "q": "number",
    "quantitive": "number",
    "int": "integer",
    "i": "boolean",
}


def describe_binary(data: memoryview) -> Description:
    return describe(ubjson.parse(data))


def describe(document: Any) -> Description:
    """Raises `BrokenArtifact` for what lacks something, `UnsafeArtifact` for objectives that are not the library's own."""
    learner = _object(document, "learner")
    params = _object(learner, "learner_model_param")
    objective = str(_object(learner, "objective").get("name", ""))
    booster = str(_object(learner, "gradient_booster").get("name", ""))
    if booster not in BOOSTERS:
        raise BrokenArtifact("is an XGBoost model of an unknown booster")
    if not OBJECTIVES(objective):
        raise UnsafeArtifact("is an XGBoost model with an objective of its own")
    count = _count(params.get("num_feature"))
    is_classifier = objective.startswith(("binary:", "multi:"))
    return Description(
        format=Format.XGBOOST,
        task=Task.CLASSIFICATION if is_classifier else Task.REGRESSION,
        schema=_schema(learner, count),
        runtime="xgboost",
        details={
            "objective": objective,
            "booster": booster,
            "classes": _count(params.get("num_class", 0)),
            "has_names": bool(learner.get("feature_names")),
        },
    )


def _schema(learner: Mapping[str, Any], count: int) -> Schema | None:
    names = learner.get("feature_names") or []
    types = learner.get("feature_types") or []
    if not names:
        return numbered_features(count) if 0 < count <= MOST_FEATURES else None
    if not isinstance(names, list) or len(names) != count or len(set(map(str, names))) != count:
        raise BrokenArtifact("is an XGBoost model whose feature names do not fit their number")
    kinds = types if isinstance(types, list) and len(types) == count else ["float"] * count
    return {
        str(name): {"type": _TYPES.get(str(kind), "number")}
        for name, kind in zip(names, kinds, strict=True)
    }


def _object(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, Mapping):
        raise BrokenArtifact(f"is an XGBoost model without {name}")
    return found


def _count(value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        count = -1
    if not 0 <= count <= 10_000_000:
        raise BrokenArtifact("is an XGBoost model with a count that is none")
    return count
