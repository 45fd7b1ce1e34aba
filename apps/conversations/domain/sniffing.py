"""What a file is, by its bytes: a picture, a PDF or text. What it is called and said to be must agree with them.

Only what has a signature here is taken; archives, programs and all else are not. Pages and drawings (HTML, SVG, XML)
are text, and are kept as nothing else, so that no browser ever runs them for us.
"""

from __future__ import annotations

import codecs

import orjson

PNG, JPEG, GIF, WEBP = "image/png", "image/jpeg", "image/gif", "image/webp"
PDF = "application/pdf"
TEXT, MARKDOWN, CSV = "text/plain", "text/markdown", "text/csv"
JSON = "application/json"
RASTERS = frozenset({PNG, JPEG, GIF, WEBP})
KINDS = (PNG, JPEG, GIF, WEBP, PDF, TEXT, MARKDOWN, CSV, JSON)
"""All that is taken."""
"""What a browser may show in a page of ours: it runs nothing."""
TEXTS = frozenset({TEXT, MARKDOWN, CSV, JSON})

HEAD = 16
"""Bytes that tell the kind of what is not text."""
UNSAID = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Types by which a caller says nothing."""

_BY_ENDING = {
    "png": PNG, "jpg": JPEG, "jpeg": JPEG, "jpe": JPEG, "gif": GIF, "webp": WEBP, "pdf": PDF,
    "md": MARKDOWN, "markdown": MARKDOWN, "csv": CSV, "json": JSON,
}  # fmt: skip
_ENDINGS_OF_OTHERS = frozenset({
    "7z", "apk", "avi", "bin", "bmp", "bz2", "class", "com", "db", "dll", "dmg", "doc", "docx",
    "dylib", "exe", "gz", "heic", "ico", "iso", "jar", "mov", "mp3", "mp4", "msi", "odp", "ods",
    "odt", "ogg", "parquet", "pickle", "pkl", "ppt", "pptx", "pt", "pyc", "rar", "so", "sqlite",
    "tar", "tgz", "tif", "tiff", "war", "wasm", "wav", "webm", "xls", "xlsx", "xz", "zip",
})  # fmt: skip
"""What nothing that is taken here is called: bytes under such a name are not what it says."""
_BY_TYPE = {
    "image/jpg": JPEG, "image/pjpeg": JPEG, "image/x-png": PNG, "application/x-pdf": PDF,
    "text/x-markdown": MARKDOWN, "application/csv": CSV, "text/json": JSON,
    "application/vnd.ms-excel": CSV,  # what browsers on Windows say of a .csv
}  # fmt: skip
_CONTROLS = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B}) + b"\x7f"
"""What no text holds: a NUL is in most of what is not text. Escape stays, for logs in colour."""


class NotTaken(ValueError):
    """Said of what is refused, in words for the caller."""


class Sniffer:
    """Fed with a file piece by piece; `kind` says at its end what it is. Text is looked at whole, not by its beginning."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_text = True
        self.size = 0

    def feed(self, piece: bytes) -> None:
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]
        self._tail = (self._tail + piece[-1024:])[-1024:]
        self.size += len(piece)
        if self._is_text:
            self._read(piece)

    def kind(self) -> str:
        """The type of the bytes, `text/plain` for every text. Raises `NotTaken`."""
        if not self.size:
            raise NotTaken("The file is empty.")
        signed = _signed(self._head)
        if signed == PDF and b"%%EOF" not in self._tail:
            raise NotTaken("The PDF is cut short.")
        if signed:
            return signed
        self._read(b"", is_last=True)
        if not self._is_text:
            raise NotTaken(
                "Only PNG, JPEG, GIF and WebP pictures, PDF and text in UTF-8 are taken."
            )
        return TEXT

    def _read(self, piece: bytes, *, is_last: bool = False) -> None:
        try:
            self._decoder.decode(piece, is_last)
        except UnicodeDecodeError:
            self._is_text = False
            return
        if len(piece.translate(None, _CONTROLS)) != len(piece):
            self._is_text = False


def type_of(kind: str, *, name: str, said: str) -> str:
    """The type to keep a file under, from what its bytes are, its name and what the caller said it is.

    Raises `NotTaken` where they contradict one another.
    """
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    claims = [_BY_ENDING.get(ending, ""), _claim(said)]
    if ending in _ENDINGS_OF_OTHERS:
        raise NotTaken(f"A .{ending} file is not taken, and this is none.")
    for claim in filter(None, claims):
        if claim != kind and not (kind == TEXT and claim in TEXTS):
            raise NotTaken(f"It is said to be {claim}, and its bytes are {kind}.")
    if kind != TEXT:
        return kind
    return next((claim for claim in claims if claim in TEXTS - {TEXT}), TEXT)


def is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def _claim(said: str) -> str:
    """What a caller's media type comes to: one of ours, nothing, or itself where it is another's."""
    bare = said.partition(";")[0].strip().lower()
    if bare in UNSAID:
        return ""
    if bare in {"image/svg+xml", "application/xml", "application/xhtml+xml"}:
        return TEXT
    known = _BY_TYPE.get(bare, bare)
    if known.startswith("text/") and known not in TEXTS:
        return TEXT
    # Sources: what editors and browsers say of them is as good as any text.
    if known.endswith(("+json", "script", "/toml", "/yaml", "/x-yaml", "/sql", "/x-sh")):
        return TEXT
    return known


def _signed(head: bytes) -> str:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    return PDF if head.startswith(b"%PDF-") else ""
