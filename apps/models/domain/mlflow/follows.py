"""What is followed of another registry: a model there, by an alias or a stage, and its name here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.core.errors import FieldError, Invalid, WrongFields
from apps.core.text import is_misleading
from apps.models.domain.names import check_alias, check_model_name
from apps.models.enums import Stage

MOST: Final = 100
LONGEST: Final = 250
WORDS: Final = frozenset({"model", "alias", "stage", "as"})
STAGES: Final = (Stage.PRODUCTION, Stage.STAGING)


@dataclass(frozen=True, slots=True)
class Follow:
    """`model` is theirs, `name` ours; exactly one of `alias` and `stage` is not empty."""

    model: str
    alias: str
    stage: str
    name: str

    def document(self) -> dict[str, str]:
        way = {"alias": self.alias} if self.alias else {"stage": self.stage}
        return {"model": self.model, **way, "as": self.name}

    @property
    def place(self) -> str:
        """What moves here, `churn-predictor@champion`."""
        return f"{self.name}@{self.alias}" if self.alias else f"{self.name} {self.stage}"


def read_follows(documents: Any) -> list[Follow]:
    """Raises `Invalid` naming `follows.<index>.<word>`."""
    if not isinstance(documents, list) or len(documents) > MOST:
        raise Invalid.field("follows", f"must be a list of at most {MOST}", "type")
    wrong, found = WrongFields(), []
    for index, document in enumerate(documents):
        with wrong.gathered():
            found.append(_follow(document, f"follows.{index}"))
    wrong.refuse()
    places = [follow.place for follow in found]
    twice = [index for index, place in enumerate(places) if place in places[:index]]
    if twice:
        text = f"moves {places[twice[0]]}, and another does"
        raise Invalid.field(f"follows.{twice[0]}", text, "unique")
    return found


def _follow(document: Any, at: str) -> Follow:
    if not isinstance(document, Mapping):
        raise Invalid.field(at, "must be an object", "type")
    unknown = sorted(str(word) for word in set(document) - WORDS)
    if unknown:
        raise Invalid.field(f"{at}.{unknown[0]}"[:200], "is not a field here", "unknown_field")
    model = _text(document, "model", at)
    if not model:
        raise Invalid.field(f"{at}.model", "is required", "required")
    alias, stage = _text(document, "alias", at), _text(document, "stage", at)
    if bool(alias) == bool(stage):
        raise Invalid.field(f"{at}.alias", "either an alias or a stage is needed", "required")
    if stage and stage not in STAGES:
        raise Invalid.field(f"{at}.stage", f"must be among: {', '.join(STAGES)}", "choice")
    if alias:
        _placed(f"{at}.alias", lambda: check_alias(alias))
    name = _text(document, "as", at) or model
    _placed(f"{at}.as", lambda: check_model_name(name))
    return Follow(model, alias, stage, name)


def _text(document: Mapping[str, Any], word: str, at: str) -> str:
    value = document.get(word, "")
    if not isinstance(value, str) or len(value) > LONGEST or is_misleading(value):
        raise Invalid.field(f"{at}.{word}", f"must be text of at most {LONGEST} characters", "type")
    return value.strip()


def _placed(field: str, check: Any) -> None:
    try:
        check()
    except Invalid as error:
        raise Invalid(fields=[FieldError(field, each.message, each.type) for each in error.fields]) from None  # fmt: skip
