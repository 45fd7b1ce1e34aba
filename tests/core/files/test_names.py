from __future__ import annotations

import pytest

from apps.core.files.names import clean_media_type, clean_name

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.csv", "report.csv"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"),
        ("exe\u202efdp.txt", "exefdp.txt"),
        ("..", ""),
        (".htaccess", "htaccess"),
        ("übung.txt", "übung.txt"),
        ("a" * 5000, "a" * 255),
        ("x\x00y", "xy"),
    ],
)
def test_clean_name_keeps_what_is_harmless(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Text/HTML; charset=UTF-8", "text/html; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("", "application/octet-stream"),
        ("text/plain\r\nX: y", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
    ],
)
def test_clean_media_type_keeps_what_reads_as_one(given: str, kept: str) -> None:
    assert clean_media_type(given) == kept
