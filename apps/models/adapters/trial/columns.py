"""What a scikit-learn model takes in each column, as far as its encoders say: words, flags, or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.models.domain.schema import MOST_ENUM, Schema


def read_schema(model: Any, names: list[str], width: int) -> Schema:
    """Features by their names, or by number where the model has none."""
    known = _categories(model)
    called = names or [f"f{place}" for place in range(width)]
    return {name: _feature(known.get(place)) for place, name in enumerate(called)}


def try_row(model: Any, width: int) -> None:
    """Has it answer one row, whose words are some it knows."""
    known = _categories(model)
    if not known:
        model.predict(np.zeros((1, width)))
        return
    row = np.zeros((1, width), dtype=object)
    for place, (categories, _) in known.items():
        row[0, place] = categories[0]
    model.predict(row)


def _feature(known: tuple[list[Any], bool] | None) -> dict[str, Any]:
    if known is None:
        return {"type": "number"}
    categories, is_closed = known
    if not all(isinstance(each, str | None) for each in categories):
        is_flag = all(isinstance(each, bool) for each in categories)
        return {"type": "boolean" if is_flag else "number"}
    words = [each for each in categories if each is not None]
    if not is_closed or len(words) != len(categories) or not 0 < len(words) <= MOST_ENUM:
        return {"type": "string"}
    return {"type": "string", "enum": words}


def _categories(model: Any) -> dict[int, tuple[list[Any], bool]]:
    """By column: the values an encoder has seen there, and whether it takes no others."""
    head = model.steps[0][1] if getattr(model, "steps", None) else model
    if hasattr(head, "categories_"):
        return _of_encoder(head, range(len(head.categories_)))
    found: dict[int, tuple[list[Any], bool]] = {}
    places = getattr(head, "_transformer_to_input_indices", {})
    for name, inner, _ in getattr(head, "transformers_", ()):
        for part in [inner, *(each for _, each in getattr(inner, "steps", ()))]:
            if hasattr(part, "categories_"):
                found |= _of_encoder(part, places.get(name, ()))
    return found


def _of_encoder(encoder: Any, places: Any) -> dict[int, tuple[list[Any], bool]]:
    is_closed = getattr(encoder, "handle_unknown", "error") == "error"
    seen = [np.asarray(each).tolist() for each in encoder.categories_]
    return {
        int(place): (values, is_closed)
        for place, values in zip(places, seen, strict=False)
        if values
    }
