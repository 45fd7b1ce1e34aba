"""Opening a version's bytes with what its format needs. Blocking; imports no Django, for it runs in worker processes too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from apps.models.domain.scoring import Blueprint, Scorer
from apps.models.enums import Format
from apps.models.errors import BrokenArtifact, RefusedArtifact, RuntimeMissing, ScoringFailed

HERE = "apps.models.adapters.runtimes"


def load_scorer(blueprint: Blueprint, path: str) -> Scorer:
    """`path` may be a descriptor's. Raises `RuntimeMissing`, `BrokenArtifact`."""
    described = blueprint.described
    name = "linear" if described.details.get("linear") else described.format.value
    if name not in _MODULES:
        raise BrokenArtifact(f"is of the format {name}, which is not opened here")
    try:
        # By name, and now: each module imports its library, which may be absent, and takes its time.
        opener: Callable[[Blueprint, str], Scorer] = import_module(f"{HERE}.{_MODULES[name]}").load
        return opener(blueprint, path)
    except ImportError as error:
        missing = error.name or described.runtime
        raise RuntimeMissing(
            f"needs {described.runtime}, which is not installed ({missing})"
        ) from None
    except (RefusedArtifact, MemoryError):
        raise
    except ScoringFailed as error:
        raise BrokenArtifact(f"could not be opened: {error.message}") from None
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        words = str(error).split("\n", maxsplit=1)[0][:160]
        raise BrokenArtifact(f"could not be opened: {type(error).__name__}: {words}") from None


_MODULES: Mapping[str, str] = {
    "linear": "linear",
    Format.SCORECARD: "scorecard",
    Format.ONNX: "onnx",
    Format.SKOPS: "skops",
    Format.XGBOOST: "xgboost",
    Format.LIGHTGBM: "lightgbm",
}
