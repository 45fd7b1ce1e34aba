"""`registered-models/…`: models and their aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.models.domain.names import check_alias
from apps.models.models import RegisteredModel
from apps.models.queries import mlflow as queries
from apps.models.queries import registry as reading
from apps.models.rest.mlflow.calls import Params, Waiting
from apps.models.rest.mlflow.shapes import model_shape, version_shape
from apps.models.services import aliases, mlflow, registry

Answer = Mapping[str, Any]
DONE: Final[Answer] = {}
USUAL: Final = 100


def create(actor: Actor, params: Params) -> Answer:
    made = registry.register_model(
        actor=actor,
        name=params.text("name"),
        description=params.text("description", ""),
        tags=params.tags(),
    )
    return _shown(actor, made)


def get(actor: Actor, params: Params) -> Answer:
    found = queries.model(actor=actor, name=params.text("name"))
    return {"registered_model": model_shape(found)}


def update(actor: Actor, params: Params) -> Answer:
    changed = registry.change_model(
        actor=actor, name=params.text("name"), description=params.text("description", "")
    )
    return _shown(actor, changed)


def rename(actor: Actor, params: Params) -> Answer:
    renamed = registry.rename_model(
        actor=actor, name=params.text("name"), new_name=params.text("new_name")
    )
    return _shown(actor, renamed)


def delete(actor: Actor, params: Params) -> Answer:
    registry.remove_model(actor=actor, name=params.text("name"))
    return DONE


def search(actor: Actor, params: Params) -> Answer:
    found = queries.search_models(
        actor=actor,
        text=params.text("filter", ""),
        orders=params.texts("order_by"),
        most=params.number("max_results", default=USUAL, most=queries.MOST_ASKED),
        token=params.text("page_token", ""),
    )
    return listed("registered_models", [model_shape(each) for each in found.rows], found.token)


def latest_versions(actor: Actor, params: Params) -> Answer:
    found = queries.latest_versions(
        actor=actor, name=params.text("name"), stages=params.texts("stages")
    )
    return listed("model_versions", [version_shape(each) for each in found])


def set_tag(actor: Actor, params: Params) -> Answer:
    name, key = params.text("name"), params.text("key")
    mlflow.set_model_tag(actor=actor, name=name, key=key, value=params.text("value", ""))
    return DONE


def delete_tag(actor: Actor, params: Params) -> Answer:
    name, key = params.text("name"), params.text("key")
    mlflow.set_model_tag(actor=actor, name=name, key=key, value=None)
    return DONE


def get_alias(actor: Actor, params: Params) -> Answer:
    name, alias = params.text("name"), params.text("alias")
    try:
        found = reading.version(actor=actor, name=name, tag=f"@{alias}")
    except NotFound:
        raise NotFound(f"Registered model alias {alias[:100]} not found.") from None
    return {"model_version": version_shape(found)}


def set_alias(actor: Actor, params: Params) -> Answer:
    moved = aliases.set_alias(
        actor=actor,
        name=params.text("name"),
        alias=check_alias(params.text("alias")),
        tag=params.text("version"),
    )
    if moved.approval_id is not None:
        raise Waiting(moved.approval_id)
    return DONE


def delete_alias(actor: Actor, params: Params) -> Answer:
    aliases.remove_alias(actor=actor, name=params.text("name"), alias=params.text("alias"))
    return DONE


def listed(name: str, rows: list[dict[str, Any]], token: str = "") -> Answer:
    """Neither an empty list nor an empty token is said."""
    return {**({name: rows} if rows else {}), **({"next_page_token": token} if token else {})}


def _shown(actor: Actor, model: RegisteredModel) -> Answer:
    return {"registered_model": model_shape(queries.model(actor=actor, name=model.public_id))}
