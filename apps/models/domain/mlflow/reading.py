"""Reading another's `MLmodel`: which of its files we can serve, and what it says of its inputs.

Native files alone: a flavor that is a pickle, or code, is refused by name before any of its bytes are fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.models.domain.mlflow.signatures import schema_of
from apps.models.domain.schema import Schema
from apps.models.errors import BrokenArtifact, UnsafeArtifact

MLMODEL: Final = "MLmodel"
MOST_BYTES: Final = 1024 * 1024
LONGEST_PATH: Final = 500
_BOOSTERS: Final = ("xgboost.core.Booster", "lightgbm.basic.Booster")
_NOTHING: Final = ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Chosen:
    """`file` within the model's directory, in forward slashes."""

    flavor: str
    file: str
    schema: Schema | None
    run_id: str


def choose(content: bytes) -> Chosen:
    """The file of the first flavor that we serve. Raises `BrokenArtifact`, `UnsafeArtifact`."""
    document = _document(content)
    flavors = document.get("flavors")
    if not isinstance(flavors, Mapping):
        raise BrokenArtifact("MLmodel names no flavors")
    for name, key in (
        ("onnx", "data"),
        ("xgboost", "data"),
        ("lightgbm", "data"),
        ("sklearn", "pickled_model"),
    ):
        flavor = flavors.get(name)
        if isinstance(flavor, Mapping):
            _refuse_pickle(name, flavor)
            run_id = document.get("run_id")
            return Chosen(
                name,
                check_path(str(flavor.get(key) or "")),
                schema_of(document.get("signature")),
                run_id if isinstance(run_id, str) and run_id not in _NOTHING else "",
            )
    known = ", ".join(sorted(str(name)[:40] for name in list(flavors)[:10]))
    raise UnsafeArtifact(f"has the flavors {known}, and we serve onnx, xgboost, lightgbm and skops")


def check_path(path: str) -> str:
    """A relative path that stays within its directory, however it is spelt. Raises `UnsafeArtifact`."""
    parts = path.split("/")
    if (
        not path
        or len(path) > LONGEST_PATH
        or not path.isprintable()
        or any(letter in path for letter in "\\%:?#")
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise UnsafeArtifact("names a path that leads elsewhere")
    return path


def _document(content: bytes) -> Mapping[str, Any]:
    if len(content) > MOST_BYTES:
        raise BrokenArtifact("MLmodel is too large")
    from apps.models.domain.mlflow.yaml_text import (  # noqa: PLC0415 - its library is a megabyte
        read_yaml,
    )

    document = read_yaml(content.decode("utf-8", "replace"))
    if not isinstance(document, Mapping):
        raise BrokenArtifact("MLmodel is no document")
    return document


def _refuse_pickle(name: str, flavor: Mapping[str, Any]) -> None:
    form = str(flavor.get("serialization_format", "cloudpickle"))[:40]
    if name == "sklearn" and form != "skops":
        raise UnsafeArtifact(
            f"is a scikit-learn model kept as {form}, which runs code when it is opened;"
            " log it with serialization_format='skops'"
        )
    kind = str(flavor.get("model_class", _BOOSTERS[0]))
    if name == "lightgbm" and kind not in _BOOSTERS:
        raise UnsafeArtifact(f"is {kind[:80]}, which is kept as a pickle; log its booster_")
