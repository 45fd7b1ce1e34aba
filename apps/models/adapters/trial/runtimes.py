"""Opening an artefact with its own library and asking it for one answer. Runs in the child process alone."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from apps.models.domain.formats.description import Description
from apps.models.enums import Format, Task
from apps.models.errors import BrokenArtifact, RuntimeMissing, UnsafeArtifact

Path = str
TRIES = 3
ROW_SECONDS = 0.004
"""Of one row of a graph that scores within the server's own process."""
BATCH = 1000
BATCH_BYTES = 256 * 1024 * 1024


def open_and_try(description: Description, path: Path) -> Description:
    """The description, and what only the opened model tells. Raises `RuntimeMissing`, `BrokenArtifact`."""
    opener = _OPENERS.get(description.format)
    if opener is None:
        return description
    try:
        return opener(description, path)
    except ImportError as error:
        missing = error.name or description.runtime
        raise RuntimeMissing(
            f"needs {description.runtime}, which is not installed ({missing})"
        ) from None


def _onnx(description: Description, path: Path) -> Description:
    import numpy as np  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = _tried(lambda: onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"]))
    kinds = {"float": "float32", "double": "float64", "bool": "bool", "string": "object"}
    inputs = description.details["inputs"]
    feed = {
        each["name"]: np.zeros(
            [1, *(length or 1 for length in each["dims"][1:])] if each["dims"] else [],
            dtype=kinds.get(each["type"], each["type"]),
        )
        for each in inputs
    }
    for name, value in feed.items():
        if value.dtype == object:
            feed[name] = np.full(value.shape, "", dtype=object)
    _tried(lambda: session.run(None, feed))
    takes_batches = all(each["dims"] and each["dims"][0] is None for each in inputs)
    is_small = _is_small(lambda rows: session.run(None, _repeated(feed, rows)), takes_batches)
    return replace(description, in_process=description.in_process and is_small)


def _repeated(feed: Mapping[str, Any], rows: int) -> Mapping[str, Any]:
    return feed if rows == 1 else {name: value.repeat(rows, 0) for name, value in feed.items()}


def _is_small(run: Callable[[int], Any], takes_batches: bool) -> bool:
    """Whether a batch takes so little time and memory that it may be scored beside everything else."""
    seconds = [time.process_time()]
    for _ in range(TRIES):
        run(1)
        seconds.append(time.process_time())
    if min(after - before for before, after in pairwise(seconds)) > ROW_SECONDS:
        return False
    if not takes_batches:
        return True
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        run(BATCH)
    except Exception:  # noqa: BLE001 - it has answered a row; a batch may be more than there is room for
        return False
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return grown * 1024 <= BATCH_BYTES


def _skops(description: Description, path: Path) -> Description:
    import skops.io  # noqa: PLC0415

    from apps.models.adapters.runtimes.skops import settle  # noqa: PLC0415
    from apps.models.adapters.trial import columns, linear  # noqa: PLC0415
    from apps.models.domain.formats import skops as rules  # noqa: PLC0415

    untrusted = _tried(lambda: skops.io.get_untrusted_types(file=path))
    for name in untrusted:
        module, _, kind = name.rpartition(".")
        if not rules.is_listed(module, kind):
            raise UnsafeArtifact(f"is a skops archive with the type {name[:120]}")
    model = _tried(lambda: skops.io.load(path, trusted=untrusted))
    if not callable(getattr(model, "predict", None)):
        raise BrokenArtifact("is a skops archive of something that predicts nothing")
    width = int(getattr(model, "n_features_in_", 0) or 0)
    names = [str(name) for name in getattr(model, "feature_names_in_", [])]
    schema = None
    if width:
        _tried(lambda: settle(model, names))
        schema = _tried(lambda: columns.read_schema(model, names, width))
        _tried(lambda: columns.try_row(model, width))
    is_classifier = hasattr(model, "classes_")
    details = {
        **description.details,
        "trusted": list(untrusted),
        "has_names": bool(names),
        "has_probabilities": hasattr(model, "predict_proba"),
        "classes": [str(each) for each in getattr(model, "classes_", [])[:1000]],
    }
    task = Task.CLASSIFICATION if is_classifier else Task.REGRESSION
    found = _tried(lambda: linear.read_linear(model, names)) if width else None
    if found is not None:
        details["linear"] = found
    return replace(
        description, schema=schema, task=task, details=details, in_process=found is not None
    )


def _xgboost(description: Description, path: Path) -> Description:
    import numpy as np  # noqa: PLC0415
    import xgboost  # noqa: PLC0415

    xgboost.set_config(verbosity=0)
    booster = xgboost.Booster({"nthread": 1})
    with open(path, "rb") as file:  # noqa: PTH123 - a descriptor's path
        data = bytearray(file.read())
    _tried(lambda: booster.load_model(data))
    width = booster.num_features()
    names = booster.feature_names
    row = xgboost.DMatrix(
        np.zeros((1, width)), feature_names=names, feature_types=booster.feature_types
    )
    _tried(lambda: booster.predict(row))
    return description


def _lightgbm(description: Description, path: Path) -> Description:
    import lightgbm  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor's path
        text = file.read()
    booster = _tried(
        lambda: lightgbm.Booster(model_str=text, params={"num_threads": 1, "verbose": -1})
    )
    _tried(lambda: booster.predict(np.zeros((1, booster.num_feature())), num_threads=1))
    return description


def _tried(deed: Callable[[], Any]) -> Any:
    """Whatever a library says about bytes from a stranger, it comes to this."""
    try:
        return deed()
    except (ImportError, MemoryError, BrokenArtifact, UnsafeArtifact):
        raise
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        words = str(error).replace(os.sep, "").split("\n")[0][:160]
        raise BrokenArtifact(f"could not be opened: {type(error).__name__}: {words}") from None


_OPENERS: Mapping[Format, Callable[[Description, Path], Description]] = {
    Format.ONNX: _onnx,
    Format.SKOPS: _skops,
    Format.XGBOOST: _xgboost,
    Format.LIGHTGBM: _lightgbm,
}
