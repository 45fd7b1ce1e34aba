"""The prompt registry: prompts made and removed, versions added and never changed, labels moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, Stale
from apps.core.permissions import require
from apps.core.text import is_misleading
from apps.providers import topics
from apps.providers.domain import prompts as rules
from apps.providers.errors import InUse
from apps.providers.models import Prompt, PromptLabel, PromptVersion, Route
from apps.providers.permissions import ProvidersPermission
from apps.providers.queries import prompts as queries
from apps.providers.services.announcing import deed, hold, refuse_more, tell

MOST_PROMPTS = 1000
MOST_VERSIONS = 10_000
MOST_LABELS = 20
LONGEST_TEXT = 500


def create_prompt(
    *,
    actor: Actor,
    name: str,
    messages: Any,
    description: str = "",
    parameters: Mapping[str, Any] | None = None,
    note: str = "",
    labels: Sequence[str] = (),
) -> Prompt:
    """A prompt and its first version. Raises `PermissionDenied`, `Invalid`, `NameTaken`, `TooMany`."""
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    with deed():
        refuse_more(Prompt.objects.count(), MOST_PROMPTS, "prompts")
        prompt = Prompt.objects.create(
            organization_id=actor.organization_id,
            name=rules.check_prompt_name(name),
            description=_line("description", description),
        )
        _add_version(actor, prompt, 1, messages, parameters, note, labels)
        tell(actor=actor, topic=topics.PROMPT_CREATED, row=prompt, after=values(prompt))
    return queries.whole(prompt)


def add_version(
    *,
    actor: Actor,
    name: str,
    messages: Any,
    parameters: Mapping[str, Any] | None = None,
    note: str = "",
    labels: Sequence[str] = (),
    expected_revision: int | None = None,
) -> PromptVersion:
    """The next version; the labels named move to it. Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`."""
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    with deed():
        prompt = _lock(name, expected_revision)
        before = values(prompt)
        number = _newest(prompt) + 1
        refuse_more(number - 1, MOST_VERSIONS, "versions of a prompt")
        version = _add_version(actor, prompt, number, messages, parameters, note, labels)
        _changed(actor, prompt, before)
    return version


def describe_prompt(
    *, actor: Actor, name: str, description: str, expected_revision: int | None = None
) -> Prompt:
    """Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`."""
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    with deed():
        prompt = _lock(name, expected_revision)
        before = values(prompt)
        prompt.description = _line("description", description)
        _changed(actor, prompt, before)
    return queries.whole(prompt)


def set_label(
    *, actor: Actor, name: str, label: str, version: int, expected_revision: int | None = None
) -> Prompt:
    """Let a label name this version from now on; routes that go by the label follow.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`, `TooMany`.
    """
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    with deed():
        prompt = _lock(name, expected_revision)
        before = values(prompt)
        chosen = PromptVersion.objects.filter(prompt=prompt, number=version).first()
        if chosen is None:
            raise Invalid.field("version", "is no version of this prompt", "unknown")
        _label(prompt, rules.check_label(label), chosen)
        _changed(actor, prompt, before)
    return queries.whole(prompt)


def remove_label(
    *, actor: Actor, name: str, label: str, expected_revision: int | None = None
) -> Prompt:
    """Raises `NotFound`, `PermissionDenied`, `Stale`, and `InUse` while a route goes by it."""
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    with deed():
        prompt = _lock(name, expected_revision)
        before = values(prompt)
        found = [row for row in PromptLabel.objects.filter(prompt=prompt) if row.name == label]
        if not found:
            raise NotFound
        _refuse_used(f"{prompt.name}@{label}")
        found[0].delete()
        _changed(actor, prompt, before)
    return queries.whole(prompt)


def remove_prompt(*, actor: Actor, name: str, expected_revision: int | None = None) -> None:
    """With all its versions. Raises `NotFound`, `PermissionDenied`, `Stale`, and `InUse` while a route uses it."""
    require(actor, ProvidersPermission.PROMPT_MANAGE)
    with deed():
        prompt = _lock(name, expected_revision)
        _refuse_used(f"{prompt.name}@")
        before = values(prompt)
        prompt.delete()
        tell(actor=actor, topic=topics.PROMPT_REMOVED, row=prompt, before=before)


def values(prompt: Prompt) -> dict[str, Any]:
    """What the trail keeps: which version each label names, not the texts, which never change."""
    labels = PromptLabel.objects.filter(prompt=prompt).select_related("version")
    return {
        "name": prompt.name,
        "description": prompt.description,
        "versions": _newest(prompt),
        "labels": {label.name: label.version.number for label in labels},
    }


def _add_version(
    actor: Actor,
    prompt: Prompt,
    number: int,
    messages: Any,
    parameters: Mapping[str, Any] | None,
    note: str,
    labels: Sequence[str],
) -> PromptVersion:
    version = PromptVersion.objects.create(
        organization_id=prompt.organization_id,
        prompt=prompt,
        number=number,
        messages=rules.check_messages(messages),
        parameters=rules.check_parameters({} if parameters is None else parameters),
        note=_line("note", note),
        created_by_id=actor.user_id,
    )
    for index, label in enumerate(labels):
        _label(prompt, rules.check_label(label, field=f"labels.{index}"), version)
    return version


def _label(prompt: Prompt, label: str, version: PromptVersion) -> None:
    others = PromptLabel.objects.filter(prompt=prompt).exclude(name=label).count()
    refuse_more(others, MOST_LABELS, "labels on a prompt")
    PromptLabel.objects.update_or_create(
        prompt=prompt,
        name=label,
        defaults={"version": version},
        create_defaults={"version": version, "organization_id": prompt.organization_id},
    )


def _changed(actor: Actor, prompt: Prompt, before: Mapping[str, Any]) -> None:
    prompt.revision += 1
    prompt.save()
    after = values(prompt)
    tell(actor=actor, topic=topics.PROMPT_CHANGED, row=prompt, before=before, after=after)


def _newest(prompt: Prompt) -> int:
    newest = PromptVersion.objects.filter(prompt=prompt).aggregate(newest=Max("number"))["newest"]
    return int(newest or 0)


def _refuse_used(reference: str) -> None:
    """A route goes by `name@label` or `name@version`; `name@` stands for any of them."""
    routes = Route.objects.order_by("name")
    names = [
        route.name
        for route in routes.filter(prompt__startswith=reference)
        if _is_used(route.prompt, reference)
    ]
    if names:
        raise InUse(f"It is the prompt of: {', '.join(names[:10])}.", routes=names[:10])


def _is_used(prompt: str, reference: str) -> bool:
    """Once more here: one of the databases takes capitals for small letters."""
    return prompt.startswith(reference) if reference.endswith("@") else prompt == reference


def _line(field: str, text: str) -> str:
    if len(text) > LONGEST_TEXT or is_misleading(text):
        message = f"must be a line of at most {LONGEST_TEXT} characters"
        raise Invalid.field(field, message, "length")
    return text


def _lock(name: str, expected_revision: int | None) -> Prompt:
    prompt = hold(queries.prompt_at(name), to_remove=True)
    if expected_revision not in (None, prompt.revision):
        raise Stale
    return prompt
