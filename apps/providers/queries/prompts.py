"""Reading the prompt registry, for people, and for calls: `name@label` or `name@version` made into its messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from django.db.models import F, Max, Q, QuerySet

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound
from apps.core.permissions import require
from apps.core.tenancy import organization_scope
from apps.core.text import is_misleading
from apps.providers.domain.prompts import (
    LATEST,
    PromptView,
    Reference,
    compare,
    read_reference,
    render,
)
from apps.providers.domain.terms import is_id
from apps.providers.models import Prompt, PromptLabel, PromptVersion
from apps.providers.permissions import ProvidersPermission


def prompts(*, actor: Actor) -> QuerySet[Prompt]:
    """By name, each with its labels and the number of its newest version in `newest`."""
    require(actor, ProvidersPermission.PROMPT_VIEW)
    return _prompts()


def prompt(*, actor: Actor, name: str) -> Prompt:
    """By name, or by id."""
    return _one(prompts(actor=actor), name)


def versions(*, actor: Actor, name: str) -> QuerySet[PromptVersion]:
    """Newest first, each with its prompt and who made it."""
    require(actor, ProvidersPermission.PROMPT_VIEW)
    return (
        PromptVersion.objects.filter(prompt=prompt_at(name))
        .select_related("prompt", "created_by")
        .order_by("-number")
    )


def version(*, actor: Actor, name: str, tag: str) -> PromptVersion:
    """The version of that number, or that a label names; `latest` is the newest."""
    require(actor, ProvidersPermission.PROMPT_VIEW)
    return version_of(prompt_at(name), tag)


def difference(*, actor: Actor, name: str, before: str | None, after: str) -> dict[str, Any]:
    """What changed from one version to another, each by number or label. Raises `NotFound`, `Invalid`."""
    require(actor, ProvidersPermission.PROMPT_VIEW)
    prompt = prompt_at(name)
    if not before:
        raise Invalid.field("from", "must name a version", "required")
    views = [view_of(version_of(prompt, tag), prompt.name) for tag in (before, after)]
    return compare(*views)


def rendered(
    *, actor: Actor, name: str, tag: str = LATEST, variables: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A version with its variables filled in. Raises `NotFound`, and `Invalid` for missing and unknown variables."""
    found = version(actor=actor, name=name, tag=tag)
    return {
        "version": found.number,
        "messages": render(found.messages, variables or {}),
        "parameters": found.parameters,
    }


def prompt_at(name: str) -> Prompt:
    return _one(Prompt.objects.all(), name)


def whole(prompt: Prompt) -> Prompt:
    """The same as a list has it."""
    return _prompts().get(pk=prompt.pk)


def version_of(prompt: Prompt, tag: str) -> PromptVersion:
    rows = PromptVersion.objects.filter(prompt=prompt).select_related("prompt", "created_by")
    if tag == LATEST:
        found = rows.order_by("-number").first()
    elif tag.isascii() and tag.isdecimal() and len(tag) < 10:
        found = rows.filter(number=int(tag)).first()
    elif is_misleading(tag):
        found = None
    else:
        labels = PromptLabel.objects.filter(prompt=prompt, name=tag)
        found = rows.filter(pk__in=labels.values("version")).first()
    if found is None:
        raise NotFound
    return found


def check_reference(text: str, *, field: str = "prompt") -> str:
    """The reference, when it names a version there is. Raises `Invalid`."""
    reference = read_reference(text, field=field)
    if not _found([reference]):
        raise Invalid.field(field, "names no version of a prompt", "unknown")
    return text


def load_prompt(organization_id: int, reference: str) -> PromptView:
    """What a reference stands for now. Raises `Invalid` (no reference) and `NotFound`."""
    wanted = read_reference(reference)
    with organization_scope(organization_id):
        found = _found([wanted])
    if wanted not in found:
        raise NotFound(f"There is no prompt {reference}.")
    return found[wanted]


def views_of(references: Iterable[str]) -> dict[str, PromptView]:
    """Those that stand for something, in a query or two however many there are."""
    wanted = {text: read_reference(text) for text in references}
    found = _found(wanted.values())
    return {text: found[reference] for text, reference in wanted.items() if reference in found}


def view_of(version: PromptVersion, name: str) -> PromptView:
    return PromptView(
        name=name,
        version=version.number,
        messages=tuple(MappingProxyType(message) for message in version.messages),
        parameters=MappingProxyType(version.parameters),
    )


def _prompts() -> QuerySet[Prompt]:
    return (
        Prompt.objects.annotate(newest=Max("versions__number"))
        .prefetch_related("labels__version")
        .order_by("name")
    )


def _found(references: Iterable[Reference]) -> dict[Reference, PromptView]:
    wanted = list(references)
    if not wanted:
        return {}
    rows = _candidates(wanted)
    labels = _labels(wanted)
    found = {}
    for reference in wanted:
        for row in rows:
            if row.prompt.name == reference.name and _is_meant(reference, row, labels):
                found[reference] = view_of(row, reference.name)
    return found


def _is_meant(reference: Reference, row: PromptVersion, labels: dict[tuple[str, str], int]) -> bool:
    if reference.version is not None:
        return row.number == reference.version
    if reference.label == LATEST:
        return bool(row.newest == row.number)  # type: ignore[attr-defined]  # annotated below
    return labels.get((reference.name, reference.label)) == row.pk


def _candidates(references: list[Reference]) -> list[PromptVersion]:
    """Of the prompts named: versions by number, those a label names, and the newest."""
    labelled = PromptLabel.objects.filter(
        prompt__name__in={reference.name for reference in references if reference.label},
        name__in={reference.label for reference in references if reference.label},
    )
    numbers = {reference.version for reference in references if reference.version is not None}
    return list(
        PromptVersion.objects.filter(prompt__name__in={reference.name for reference in references})
        .annotate(newest=Max("prompt__versions__number"))
        .filter(
            Q(number__in=numbers) | Q(pk__in=labelled.values("version")) | Q(number=F("newest"))
        )
        .select_related("prompt")
    )


def _labels(references: list[Reference]) -> dict[tuple[str, str], int]:
    rows = PromptLabel.objects.filter(
        prompt__name__in={reference.name for reference in references if reference.label}
    )
    return {
        (prompt, label): version
        for prompt, label, version in rows.values_list("prompt__name", "name", "version_id")
    }


def _one(rows: QuerySet[Prompt], reference: str) -> Prompt:
    column = "public_id" if is_id(reference) else "name"
    found = None if is_misleading(reference) else rows.filter(**{column: reference}).first()
    if found is None:
        raise NotFound
    return found
