"""skops archives: every type that loading would make is compared with a list before anything is loaded."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from apps.core import json as strict_json
from apps.core.errors import AppError
from apps.models.domain.formats import archives
from apps.models.domain.formats.description import Description
from apps.models.enums import Format
from apps.models.errors import BrokenArtifact, UnsafeArtifact

SCHEMA = "schema.json"
MOST_SCHEMA = 64 * 1024 * 1024
DEEPEST = 200
_MEMBER: Final = re.compile(r"(\d+)\.(npy|npz)").fullmatch
_SKLEARN: Final = re.compile(
    r"sklearn\.(?:_loss|calibration|cluster|compose|cross_decomposition|decomposition|discriminant_analysis|dummy"
    r"|ensemble|feature_extraction|feature_selection|gaussian_process|impute|isotonic|kernel_approximation"
    r"|kernel_ridge|linear_model|mixture|multiclass|multioutput|naive_bayes|neighbors|neural_network|pipeline"
    r"|preprocessing|random_projection|semi_supervised|svm|tree|utils)(?:\.[A-Za-z0-9_]+)*"
).fullmatch
REFUSED: Final = frozenset({"sklearn.preprocessing._function_transformer"})
"""Runs a function of its maker's choice."""
LOADERS: Final = frozenset(
    [
        "BytearrayNode",
        "BytesNode",
        "CachedNode",
        "DTypeNode",
        "DatetimeTimedeltaNode",
        "DefaultDictNode",
        "DictNode",
        "JsonNode",
        "ListNode",
        "LossNode",
        "MaskedArrayNode",
        "NdArrayNode",
        "ObjectNode",
        "RandomGeneratorNode",
        "RandomStateNode",
        "SGDNode",
        "SetNode",
        "SliceNode",
        "SparseMatrixNode",
        "TreeNode",
        "TupleNode",
        "TypeNode",
    ]
)
"""Not among them, on purpose: FunctionNode, MethodNode, OperatorFuncNode, PartialNode, ReduceNode."""
PLAIN: Final = frozenset(
    [
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "NoneType",
        "object",
        "range",
        "set",
        "slice",
        "str",
        "tuple",
    ]
)
_NUMPY: Final = re.compile(r"numpy(?:\.(?:dtypes|ma(?:\.core)?|random(?:\.[a-z_]+)*))?").fullmatch
_SCIPY: Final = re.compile(r"scipy\.sparse(?:\.[a-z_]+)*").fullmatch
_ARRAYS: Final = re.compile(
    r"(?:nd|masked_)?array|MaskedArray|dtype(?:\[.*\])?|[A-Z]\w*DType|generic|[a-z]+\d*_?|Generator|RandomState|PCG64|MT19937|Philox|SFC64"
).fullmatch


def describe(file: BinaryIO) -> Description:
    """Raises `UnsafeArtifact`, `BrokenArtifact`. Features and task are known only once it is loaded."""
    with archives.open_archive(file) as archive:
        names = archive.namelist()
        if SCHEMA not in names:
            raise UnsafeArtifact(_other(names))
        for name in names:
            if name != SCHEMA:
                _check_member(archive, name)
        types = sorted(_types(_schema(archive)))
    return Description(format=Format.SKOPS, task="", runtime="skops", details={"types": types})


def _other(names: list[str]) -> str:
    if any(name.endswith((".pkl", "data.pkl")) for name in names):
        return "is an archive of pickles (PyTorch)"
    if any(name.endswith((".npy", ".npz")) for name in names):
        return "is a NumPy archive, which may hold pickled objects"
    return "is a zip archive and no skops model"


def _check_member(archive: zipfile.ZipFile, name: str) -> None:
    found = _MEMBER(name)
    if found is None:
        raise UnsafeArtifact(f"is a skops archive with a stranger in it: {name[:60]}")
    if found[2] == "npz":
        return  # a sparse matrix: the library reads it without pickles
    head = _head(archive, name)
    if not head.startswith(b"\x93NUMPY"):
        raise BrokenArtifact(f"is a skops archive whose {name} is no array")
    if re.search(rb"'descr':[^}]*\bO\b|'\|?O'|'\|O", head[:512]):
        raise UnsafeArtifact("is a skops archive with pickled objects in an array")


def _head(archive: zipfile.ZipFile, name: str) -> bytes:
    """The array is read to its end, so that damage is found, and only its beginning kept."""
    import zlib  # noqa: PLC0415

    try:
        with archive.open(name) as member:
            head = member.read(4096)
            while member.read(1024 * 1024):
                pass
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, zlib.error):
        raise BrokenArtifact(f"is a skops archive whose {name} is damaged") from None
    return head


def _schema(archive: zipfile.ZipFile) -> Any:
    raw = archives.read_member(archive, SCHEMA, MOST_SCHEMA)
    try:
        return strict_json.parse(raw, max_depth=DEEPEST)
    except (AppError, RecursionError):
        raise BrokenArtifact("is a skops archive whose schema cannot be read") from None


def _types(root: Any) -> set[str]:
    found: set[str] = set()
    for node in _nodes(root):
        loader, module, name = (
            _word(node, word) for word in ("__loader__", "__module__", "__class__")
        )
        if loader not in LOADERS:
            raise UnsafeArtifact(f"is a skops archive that loads by {loader[:60]}")
        if not is_listed(module, name):
            raise UnsafeArtifact(f"is a skops archive with the type {module[:80]}.{name[:60]}")
        if loader == "NdArrayNode" and node.get("type") not in ("numpy", "json", None):
            raise UnsafeArtifact("is a skops archive with arrays of objects")
        found.add(f"{module}.{name}")
    if not found:
        raise BrokenArtifact("is a skops archive without a model")
    return found


def _word(node: dict[str, Any], name: str) -> str:
    word = node.get(name)
    if not isinstance(word, str):
        raise BrokenArtifact("is a skops archive whose schema cannot be read")
    return word


def is_listed(module: str, name: str) -> bool:
    if module in ("builtins", "__builtin__"):
        return name in PLAIN
    if module == "collections":
        return name in ("OrderedDict", "defaultdict")
    if _NUMPY(module):
        return _ARRAYS(name) is not None
    if _SCIPY(module):
        return name.endswith(("_matrix", "_array"))
    return _SKLEARN(module) is not None and module not in REFUSED and name.isidentifier()


def _nodes(root: Any) -> Iterator[dict[str, Any]]:
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "__class__" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
