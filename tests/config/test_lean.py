from __future__ import annotations

import sys
from importlib import import_module

import pytest

from config.lean import postpone_transliteration, without

pytestmark = pytest.mark.unit


def test_without_hides_what_is_not_loaded_and_brings_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)

    with without("antigravity"), pytest.raises(ImportError):
        import_module("antigravity")

    assert "antigravity" not in sys.modules


def test_without_leaves_alone_what_is_loaded() -> None:
    with without("sys"):
        assert sys.modules["sys"] is sys


def test_transliteration_is_loaded_by_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "text_unidecode", raising=False)
    postpone_transliteration()
    postponed = sys.modules["text_unidecode"]

    assert (postponed.unidecode("Zürich"), postponed.unidecode("Łódź")) == ("Zurich", "Lodz")
    assert sys.modules["text_unidecode"] is not postponed
