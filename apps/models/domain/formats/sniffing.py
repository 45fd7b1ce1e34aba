"""Which format a file is, by its first bytes. What can run code, or hides what it is, is refused by what it is called."""

from __future__ import annotations

import pickletools
import re
from typing import Final

from apps.models.enums import Format
from apps.models.errors import BrokenArtifact, UnsafeArtifact

HEAD: Final = 4096
"""How much of a file is looked at."""
_SIGNS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x93NUMPY", "is a NumPy array, which may hold pickled objects"),
    (b"\x1f\x8b", "is compressed (gzip), as joblib writes pickles"),
    (b"BZh", "is compressed (bzip2), as joblib writes pickles"),
    (b"\xfd7zXZ\0", "is compressed (xz), as joblib writes pickles"),
    (b"\x04\x22\x4d\x18", "is compressed (lz4), as joblib writes pickles"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd)"),
    (b"ZF", "is compressed (an old joblib file)"),
    (b"\x7fELF", "is an executable (ELF)"),
    (b"MZ", "is an executable (Windows)"),
    (b"\xcf\xfa\xed\xfe", "is an executable (Mach-O)"),
    (b"\xce\xfa\xed\xfe", "is an executable (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "is an executable (Mach-O or Java)"),
    (b"\0asm", "is an executable (WebAssembly)"),
    (b"#!", "is a script"),
    (b"\x89HDF\r\n\x1a\n", "is HDF5, in which Keras keeps code"),
    (b"Rar!", "is a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
    (b"%PDF", "is a PDF document"),
)
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_MARKUP: Final = re.compile(
    rb"\s*<(?:!doctype|html|\?xml|script|svg|head|body|pmml)", re.IGNORECASE
)
_CODE: Final = re.compile(
    rb"^\s*(?:import |from \w+ import |def |class |exec\(|eval\()", re.MULTILINE
)
_LIGHTGBM: Final = re.compile(rb"\s*tree\r?\nversion=v\d")
_UBJSON: Final = re.compile(rb"\{[Li\[IlU$#]")
# ModelProto begins with a field of its own: a version, a name, or the graph.
_ONNX: Final = re.compile(rb"(?:\x08[\x01-\x1f]|[\x12\x1a\x22\x32\x3a\x42])", re.DOTALL)


def sniff(head: bytes) -> Format:
    """The format that the first `HEAD` bytes speak of; the whole is read later, by whoever reads that format.

    Raises `UnsafeArtifact` for what may run code, `BrokenArtifact` for what is nothing we know.
    """
    if not head:
        raise BrokenArtifact("is empty")
    _refuse_dangerous(head)
    if head.startswith(b"PK\x03\x04"):
        return Format.SKOPS
    if head.startswith(b"PK"):
        raise BrokenArtifact("is an empty or broken zip archive")
    if _LIGHTGBM.match(head):
        return Format.LIGHTGBM
    if _UBJSON.match(head):
        return Format.XGBOOST
    if head.lstrip()[:1] == b"{":
        return Format.SCORECARD  # or another that JSON is written in: `reading` looks inside
    if _ONNX.match(head):
        return Format.ONNX
    raise BrokenArtifact("is none of: ONNX, skops, XGBoost, LightGBM, scorecard, remote")


def _refuse_dangerous(head: bytes) -> None:
    for sign, found in _SIGNS:
        if head.startswith(sign):
            raise UnsafeArtifact(found)
    if head.startswith(_ZLIB):
        raise UnsafeArtifact("is compressed (zlib), as joblib writes pickles")
    if head[257:262] == b"ustar":
        raise UnsafeArtifact("is a tar archive")
    if _MARKUP.match(head):
        raise UnsafeArtifact("is a page or XML")
    if is_pickle(head):
        raise UnsafeArtifact("is a pickle")
    if _is_text(head) and not head.lstrip().startswith(b"{") and _CODE.search(head):
        raise UnsafeArtifact("is program text")


def is_pickle(head: bytes) -> bool:
    """Whether it reads as opcodes of a pickle, of any protocol."""
    if head[:1] == b"\x80" and head[1:2] <= b"\x0f":
        return True
    seen = set()
    try:
        for count, (opcode, _, _) in enumerate(pickletools.genops(head)):
            seen.add(opcode.name)
            if opcode.name in ("GLOBAL", "INST", "REDUCE", "STACK_GLOBAL", "STOP") or count > 200:
                break
    except Exception:  # noqa: BLE001, S110 - whatever the reader trips over: it is no pickle from here on
        pass
    return bool(seen & {"GLOBAL", "INST", "REDUCE", "STACK_GLOBAL"}) or (
        "STOP" in seen and len(seen) > 2
    )


def _is_text(head: bytes) -> bool:
    return b"\0" not in head
