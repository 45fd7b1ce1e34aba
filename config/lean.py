"""What a process need not hold in memory: optional companions that libraries load because they are there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

TRANSLITERATION = "text_unidecode"


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Import in here as if these were not installed; afterwards they are what they were.

    structlog would load Twisted, greenlet and Rich, five megabytes, to serve programs that are built on them.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # None: not to be imported
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name, ...) is None:
                del sys.modules[name]


def postpone_transliteration() -> None:
    """Let graphene-django have its table of four megabytes when it asks for a letter of it, which our schema never does."""
    if TRANSLITERATION not in sys.modules:
        stand_in = ModuleType(TRANSLITERATION)
        stand_in.unidecode = _transliterate  # type: ignore[attr-defined]  # the one name it has
        sys.modules[TRANSLITERATION] = stand_in


def _transliterate(text: str) -> str:
    sys.modules.pop(TRANSLITERATION, None)
    found: str = import_module(TRANSLITERATION).unidecode(text)
    return found
