"""A version as the directory that MLflow's `load_model` expects: an `MLmodel` document and what it names.

Nothing of it is kept. It is made of what a version says of itself, which never changes, so neither does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.core import json as strict_json
from apps.models.domain.mlflow.scripts import SCORECARD
from apps.models.domain.mlflow.signatures import signature_of
from apps.models.domain.schema import Schema
from apps.models.enums import Format

PYTHON: Final = "3.11.0"
"""What is written where MLflow wants a version; its loaders warn of another, and load."""
FORM: Final = "3.0.0"
"""Of MLflow: the documents below are as that version wrote them, and later ones read them."""
LIBRARIES: Final[Mapping[Format, tuple[str, ...]]] = {
    Format.ONNX: ("onnx", "onnxruntime", "pandas"),
    Format.XGBOOST: ("xgboost", "pandas"),
    Format.LIGHTGBM: ("lightgbm", "pandas"),
    Format.SKOPS: ("scikit-learn", "skops", "pandas"),
    Format.SCORECARD: ("pandas",),
}
"""What loads each; a format that is not here cannot be loaded elsewhere."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a version says of itself, as far as MLflow asks."""

    id: str
    format: Format
    schema: Schema
    details: Mapping[str, Any]
    size: int
    made_at: datetime
    run_id: str = ""
    is_binary: bool = False
    """Of an XGBoost model: UBJSON, which its library knows by the name of the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. `content` None: the version's own artefact."""

    path: str
    size: int
    content: bytes | None = None


def directory(origin: Origin) -> tuple[Entry, ...]:
    """By path. Empty for what has no artefact to give away."""
    if origin.format not in LIBRARIES:
        return ()
    file, flavors, extra = _MAKERS[origin.format](origin)
    texts = {
        "MLmodel": _mlmodel(origin, flavors),
        "conda.yaml": _yaml(_conda(origin.format)),
        "python_env.yaml": _yaml({"python": PYTHON, "dependencies": ["-r requirements.txt"]}),
        "requirements.txt": "".join(f"{name}\n" for name in _requirements(origin.format)),
        **extra,
    }
    made = [Entry(path, len(text.encode()), text.encode()) for path, text in texts.items()]
    return tuple(sorted([*made, Entry(file, origin.size)], key=lambda entry: entry.path))


_Made = tuple[str, dict[str, Any], dict[str, str]]
"""The artefact's name, the flavors, and files that this format has beside."""


def _onnx(origin: Origin) -> _Made:
    file = "model.onnx"
    flavor = {"code": None, "data": file, "providers": ["CPUExecutionProvider"]}
    return file, {"onnx": flavor, **_function("mlflow.onnx", data=file)}, {}


def _xgboost(origin: Origin) -> _Made:
    form = "ubj" if origin.is_binary else "json"
    file = f"model.{form}"
    flavor = {
        "code": None,
        "data": file,
        "model_class": "xgboost.core.Booster",
        "model_format": form,
    }
    return file, {"xgboost": flavor, **_function("mlflow.xgboost", data=file)}, {}


def _lightgbm(origin: Origin) -> _Made:
    file = "model.lgb"
    flavor = {"code": None, "data": file, "model_class": "lightgbm.basic.Booster"}
    return file, {"lightgbm": flavor, **_function("mlflow.lightgbm", data=file)}, {}


def _skops(origin: Origin) -> _Made:
    file = "model.skops"
    flavor = {
        "code": None,
        "pickled_model": file,
        "serialization_format": "skops",
        "skops_trusted_types": list(origin.details.get("trusted", [])),
    }
    function = _function("mlflow.sklearn", model_path=file, predict_fn="predict")
    return file, {"sklearn": flavor, **function}, {}


def _scorecard(origin: Origin) -> _Made:
    file, schema = "artifacts/card.json", "artifacts/schema.json"
    function = _function(
        "mlflow.pyfunc.model",
        model_code_path="scorecard.py",
        artifacts={
            "card": {"path": file, "uri": file},
            "schema": {"path": schema, "uri": schema},
        },
        streamable=False,
    )
    pairs = strict_json.dumps(list(origin.schema.items())).decode()
    return file, function, {"scorecard.py": SCORECARD, schema: pairs}


_MAKERS: Final[Mapping[Format, Callable[[Origin], _Made]]] = {
    Format.ONNX: _onnx,
    Format.XGBOOST: _xgboost,
    Format.LIGHTGBM: _lightgbm,
    Format.SKOPS: _skops,
    Format.SCORECARD: _scorecard,
}


def _function(loader: str, **words: Any) -> dict[str, Any]:
    env = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    return {
        "python_function": {
            "loader_module": loader,
            "env": env,
            "python_version": PYTHON,
            **words,
        }
    }


def _mlmodel(origin: Origin, flavors: Mapping[str, Any]) -> str:
    inputs = origin.details.get("inputs", [])
    is_one_array = origin.format is Format.ONNX and len(inputs) == 1
    return _yaml(
        {
            "flavors": flavors,
            "mlflow_version": FORM,
            "model_uuid": origin.id.partition("_")[2],
            "run_id": origin.run_id or None,
            "signature": {
                "inputs": signature_of(origin.schema, all_doubles=is_one_array),
                "outputs": None,
                "params": None,
            },
            "utc_time_created": f"{origin.made_at:%Y-%m-%d %H:%M:%S.%f}",
        }
    )


def _requirements(form: Format) -> list[str]:
    return ["mlflow", *LIBRARIES[form]]


def _conda(form: Format) -> dict[str, Any]:
    pip: list[Any] = [f"python={PYTHON}", "pip", {"pip": _requirements(form)}]
    return {"channels": ["conda-forge"], "dependencies": pip, "name": "mlflow-env"}


def _yaml(document: Mapping[str, Any]) -> str:
    from apps.models.domain.mlflow.yaml_text import (  # noqa: PLC0415 - its library is a megabyte
        write_yaml,
    )

    return write_yaml(document)
