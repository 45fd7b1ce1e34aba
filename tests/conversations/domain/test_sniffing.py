from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.conversations.domain.sniffing import NotTaken, Sniffer, is_json, type_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(20)
GIF = b"GIF89a" + bytes(20)
WEBP = b"RIFF\x20\x00\x00\x00WEBPVP8 " + bytes(20)
PDF = b"%PDF-1.7\n\x00\xff\n%%EOF\n"
KINDS = {
    "image/png": PNG,
    "image/jpeg": JPEG,
    "image/gif": GIF,
    "image/webp": WEBP,
    "application/pdf": PDF,
    "text/plain": "Grüße\tund\r\nmehr \x1b[1m\x0c".encode(),
}
REFUSED = {
    "empty": b"",
    "zip": b"PK\x03\x04" + bytes(20),
    "gzip": b"\x1f\x8b\x08" + bytes(20),
    "program": b"\x7fELF" + bytes(20),
    "windows program": b"MZ" + bytes(20),
    "latin-1": "Grüße".encode("latin-1"),
    "utf-16": "Grüße".encode("utf-16"),
    "half a character": "ü".encode()[:1],
    "a surrogate": b"\xed\xa0\x80",
    "NUL": b"a\x00b",
    "bell": b"a\x07b",
    "delete": b"a\x7fb",
    "png without its head": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "riff of another kind": b"RIFF\x20\x00\x00\x00WAVEfmt ",
    "pdf cut short": b"%PDF-1.7\n\x00\xff",
    "text with a tail": b"a" * 5000 + b"\xff",
}


def kind_of(content: bytes, piece: int = 0) -> str:
    sniffer = Sniffer()
    size = piece or max(1, len(content))
    for start in range(0, len(content), size):
        sniffer.feed(content[start : start + size])
    return sniffer.kind()


@pytest.mark.parametrize("piece", [0, 1, 3, 7])
@pytest.mark.parametrize(("kind", "content"), KINDS.items(), ids=KINDS)
def test_kind_is_told_by_the_bytes(kind: str, content: bytes, piece: int) -> None:
    assert kind_of(content, piece) == kind


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_kind_of_anything_else_is_refused(content: bytes, piece: int) -> None:
    with pytest.raises(NotTaken):
        kind_of(content, piece)


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1), st.data())
def test_kind_of_a_text_is_the_same_however_it_is_cut(text: str, data: st.DataObject) -> None:
    content = text.encode()
    cuts = data.draw(st.lists(st.integers(0, len(content))))
    sniffer = Sniffer()
    for start, end in pairwise(sorted({0, *cuts, len(content)})):
        sniffer.feed(content[start:end])

    assert (sniffer.kind(), sniffer.size) == (kind_of(content), len(content))


@pytest.mark.parametrize(
    ("kind", "name", "said", "kept"),
    [
        ("image/png", "a.png", "image/png", "image/png"),
        ("image/png", "a.PNG", "", "image/png"),
        ("image/png", "a", "application/octet-stream", "image/png"),
        ("image/jpeg", "a.jpg", "image/jpg", "image/jpeg"),
        ("application/pdf", "a.pdf", "application/x-pdf", "application/pdf"),
        ("text/plain", "a.txt", "text/plain; charset=utf-8", "text/plain"),
        ("text/plain", "a.md", "", "text/markdown"),
        ("text/plain", "a.md", "text/plain", "text/markdown"),
        ("text/plain", "a.txt", "text/markdown", "text/markdown"),
        ("text/plain", "a.csv", "application/vnd.ms-excel", "text/csv"),
        ("text/plain", "a.json", "application/json", "application/json"),
        ("text/plain", "a.svg", "image/svg+xml", "text/plain"),
        ("text/plain", "a.html", "text/html", "text/plain"),
        ("text/plain", "a.xml", "application/xml", "text/plain"),
        ("text/plain", "a.py", "text/x-python", "text/plain"),
        ("text/plain", "a.js", "application/javascript", "text/plain"),
        ("text/plain", "Makefile", "", "text/plain"),
    ],
)
def test_type_of_follows_bytes_name_and_word(kind: str, name: str, said: str, kept: str) -> None:
    assert type_of(kind, name=name, said=said) == kept


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("text/plain", "a.png", ""),
        ("text/plain", "a", "image/png"),
        ("text/plain", "a.txt", "application/pdf"),
        ("text/plain", "a", "application/zip"),
        ("text/plain", "a.exe", ""),
        ("image/png", "a.jpg", ""),
        ("image/png", "a.txt", "text/plain"),  # by its word: .txt says nothing that is looked at
        ("image/png", "a.png", "image/svg+xml"),
        ("image/png", "a.zip", ""),
        ("image/png", "a.json", ""),
        ("image/gif", "a.gif", "image/png"),
        ("application/pdf", "a.pdf", "text/html"),
    ],
)
def test_type_of_refuses_what_contradicts_itself(kind: str, name: str, said: str) -> None:
    with pytest.raises(NotTaken):
        type_of(kind, name=name, said=said)


@pytest.mark.parametrize(("content", "verdict"), [(b'{"a": [1]}', True), (b"{a}", False)])
def test_is_json(content: bytes, verdict: bool) -> None:
    assert is_json(content) is verdict


def test_is_json_of_something_deep_is_no_crash() -> None:
    assert is_json(b"[" * 100_000 + b"]" * 100_000) is False
