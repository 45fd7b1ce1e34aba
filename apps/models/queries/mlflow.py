"""Reading the registry as MLflow's clients do: searches by filter, the newest of each stage, a version as a directory."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db.models import Exists, F, Model, OuterRef, Prefetch, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, Lookup

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.files import files
from apps.core.permissions import require
from apps.models.domain.mlflow.documents import Entry, Origin, directory
from apps.models.domain.mlflow.filters import Term, read_filter
from apps.models.enums import Format, Stage, VersionStatus
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.models.queries import registry

if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup  # generic in the stubs alone

T = TypeVar("T", bound=Model)

MOST_RESULTS = 1000
MOST_ASKED = 200_000
"""What clients ask for when they mean everything; they come again with the token."""
MODEL_ORDERS: Final = {
    "name": "name",
    "timestamp": "updated_at",
    "last_updated_timestamp": "updated_at",
    "creation_timestamp": "created_at",
}
VERSION_ORDERS: Final = {**MODEL_ORDERS, "name": "model__name", "version_number": "number"}
_JSON_START: Final = frozenset(b'" \t\r\n}')
_COMPARED: Final = {"=": "", "<": "__lt", "<=": "__lte", ">": "__gt", ">=": "__gte"}


@dataclass(frozen=True, slots=True)
class Found:
    """A page; `token` leads to the next one, empty at the end."""

    rows: list[Any]
    token: str


class _Like(_Lookup):
    """SQL's own LIKE: `%` and `_` as MLflow takes them."""

    lookup_name = "like"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        return f"{left} LIKE {right}", (*left_values, *right_values)


def search_models(
    *, actor: Actor, text: str = "", orders: Sequence[str] = (), most: int = 100, token: str = ""
) -> Found:
    """Raises `PermissionDenied`, and `Invalid` for a filter, an order or a token that is none."""
    require(actor, ModelsPermission.VIEW)
    rows = _narrowed(_bound(with_latest(), actor, "name"), read_filter(text), _model_term)
    return _page(_ordered(rows, orders, MODEL_ORDERS, ("name",)), most, token)


def search_versions(
    *, actor: Actor, text: str = "", orders: Sequence[str] = (), most: int = 100, token: str = ""
) -> Found:
    """The same for versions, newest first of each model unless asked otherwise."""
    require(actor, ModelsPermission.VIEW)
    whole = _bound(registry.whole_versions(), actor, "model__name")
    rows = _narrowed(whole, read_filter(text), _version_term)
    return _page(_ordered(rows, orders, VERSION_ORDERS, ("model__name", "-number")), most, token)


def model(*, actor: Actor, name: str) -> RegisteredModel:
    """With the newest version of each stage in `staged`."""
    require(actor, ModelsPermission.VIEW)
    found = with_latest().filter(pk=registry.seen_model(actor, name).pk).first()
    if found is None:
        raise NotFound
    return found


def latest_versions(*, actor: Actor, name: str, stages: Sequence[str] = ()) -> list[ModelVersion]:
    """The newest version of each of these stages, of all stages if none is named. Raises `NotFound`, `Invalid`."""
    wanted = [read_stage(stage) for stage in stages] or list(Stage)
    return [row for row in newest_by_stage(model(actor=actor, name=name)) if row.stage in wanted]


def newest_by_stage(row: RegisteredModel) -> list[ModelVersion]:
    """Of a model that `with_latest` read."""
    found: list[ModelVersion] = row.staged  # type: ignore[attr-defined]  # prefetched under this name
    return found


def read_stage(word: str) -> Stage:
    """In whatever letters, as MLflow takes it. Raises `Invalid`."""
    for stage in Stage:
        if stage.value.lower() == word.lower():
            return stage
    raise Invalid.field("stage", f"must be among: {', '.join(Stage)}", "choice")


def with_latest() -> QuerySet[RegisteredModel]:
    """Models as `registry.whole_models`, each with the newest version of each stage in `staged`."""
    newer = ModelVersion.objects.filter(
        model=OuterRef("model"), stage=OuterRef("stage"), number__gt=OuterRef("number")
    )
    newest = (
        ModelVersion.objects.filter(~Exists(newer))
        .select_related("created_by")
        .prefetch_related("aliases")
        .order_by("-number")
    )
    return registry.whole_models().prefetch_related(
        Prefetch("versions", queryset=newest, to_attr="staged")
    )


def files_of(*, actor: Actor, name: str, tag: str) -> tuple[ModelVersion, tuple[Entry, ...]]:
    """A version as a directory of files.

    Raises `NotFound`, also for a version that was not opened yet, and for a key that is bound to other models.
    """
    version = registry.version(actor=actor, name=name, tag=tag)
    bound = actor.identity.models
    if version.status != VersionStatus.READY or (
        bound is not None and version.model.name not in bound
    ):
        raise NotFound
    return version, directory(_origin(version))


def _bound(rows: QuerySet[T], actor: Actor, column: str) -> QuerySet[T]:
    """Of the models that the actor's key is for."""
    names = actor.identity.models
    return rows if names is None else rows.filter(**{f"{column}__in": names})


def _origin(version: ModelVersion) -> Origin:
    return Origin(
        id=version.public_id,
        format=Format(version.format),
        schema=version.feature_schema,
        details=version.described.get("details", {}),
        size=version.size,
        made_at=version.created_at,
        run_id=str(version.lineage.get("run_id", "")),
        is_binary=version.format == Format.XGBOOST and _is_binary(version),
    )


def _is_binary(version: ModelVersion) -> bool:
    with files.open(version.file) as file:
        return file.read(2)[1:2] not in {bytes([each]) for each in _JSON_START}


_Narrow = Callable[[QuerySet[T], Term], QuerySet[T] | None]


def _narrowed(rows: QuerySet[T], terms: Sequence[Term], narrow: _Narrow[T]) -> QuerySet[T]:
    for term in terms:
        fewer = narrow(rows, term)
        if fewer is None:
            text = f"cannot compare {term.key} by {term.operator}"
            raise Invalid.field("filter", text[:300], "choice")
        rows = fewer
    return rows


def _model_term(rows: QuerySet[RegisteredModel], term: Term) -> QuerySet[RegisteredModel] | None:
    if term.key == "name":
        return _by_text(rows, "name", term)
    return _by_tag(rows, term)


def _version_term(rows: QuerySet[ModelVersion], term: Term) -> QuerySet[ModelVersion] | None:
    if term.key == "name":
        return _by_text(rows, "model__name", term)
    if term.key == "run_id" and term.operator in ("=", "IN"):
        return rows.filter(lineage__run_id__in=list(term.values))
    if term.key == "version_number" and term.value.isdecimal() and term.operator in _COMPARED:
        number = min(int(term.value), 2**31 - 1)
        return rows.filter(**{f"number{_COMPARED[term.operator]}": number})
    if term.key == "version_number" and term.value.isdecimal() and term.operator == "!=":
        return rows.exclude(number=min(int(term.value), 2**31 - 1))
    return _by_tag(rows, term)


def _by_text(rows: QuerySet[T], column: str, term: Term) -> QuerySet[T] | None:
    if term.operator in ("=", "IN"):
        return rows.filter(**{f"{column}__in": list(term.values)})
    if term.operator == "!=":
        return rows.exclude(**{column: term.value})
    if term.operator not in ("LIKE", "ILIKE"):
        return None
    # Names are of small letters, so the databases' own ideas of case do not matter.
    pattern = term.value.lower() if term.operator == "ILIKE" else term.value
    if pattern != pattern.lower() or "\\" in pattern:
        return rows.none()
    return rows.filter(_Like(F(column), pattern))


def _by_tag(rows: QuerySet[T], term: Term) -> QuerySet[T] | None:
    if not term.key.startswith("tags.") or term.operator not in ("=", "!="):
        return None
    key = KeyTextTransform(term.key.removeprefix("tags."), "tags")
    if term.operator == "=":
        return rows.filter(Q(Exact(key, term.value)))
    # Without the tag it is another than any.
    return rows.exclude(Q(Exact(Coalesce(key, Value("", TextField())), term.value)))


def _ordered(
    rows: QuerySet[T], orders: Sequence[str], known: Mapping[str, str], usual: Sequence[str]
) -> QuerySet[T]:
    columns = [_order(each, known) for each in orders]
    return rows.order_by(*columns, *usual)


def _order(text: str, known: Mapping[str, str]) -> str:
    name, _, way = text.strip().partition(" ")
    column, word = known.get(name.strip('`"').lower()), way.strip().upper()
    if column is None or word not in ("", "ASC", "DESC"):
        raise Invalid.field("order_by", f"must be among: {', '.join(known)}", "choice")
    return f"-{column}" if word == "DESC" else column


def _page(rows: QuerySet[T], most: int, token: str) -> Found:
    start, size = _offset(token), min(most, MOST_RESULTS)
    page = list(rows[start : start + size + 1])
    following = _token(start + size) if len(page) > size else ""
    return Found(page[:size], following)


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not text.isdecimal() or len(text) > 9:
        raise Invalid.field("page_token", "is none of ours", "token")
    return int(text)
