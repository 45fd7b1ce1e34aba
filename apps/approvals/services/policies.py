"""Policies: make, change, remove. What waits already keeps the terms it was asked under."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from apps.approvals import topics
from apps.approvals.domain import terms
from apps.approvals.errors import NameTaken
from apps.approvals.models import Policy
from apps.approvals.permissions import ApprovalsPermission
from apps.approvals.services import requests
from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import NotFound, Stale, WrongFields
from apps.core.permissions import require
from apps.core.text import clean_line

LONGEST_NAME = 100
CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: clean_line(value, longest=LONGEST_NAME),
    "kind": terms.check_kind,
    "selector": terms.check_selector,
    "quorum": terms.check_quorum,
    "approvers": terms.check_approvers,
    "expires_seconds": terms.check_expiry,
    "is_enabled": bool,
}


def create_policy(
    *,
    actor: Actor,
    name: str,
    kind: str,
    selector: str = terms.ANYTHING,
    quorum: int = 1,
    approvers: Sequence[str] = (),
    expires_seconds: int | None = None,
    is_enabled: bool = True,
) -> Policy:
    """Raises `NameTaken`, `Invalid`, and `NotFound` for an approver who is no member."""
    require(actor, ApprovalsPermission.POLICY_MANAGE)
    given = {
        "name": name, "kind": kind, "selector": selector, "quorum": quorum, "approvers": approvers,
        "expires_seconds": expires_seconds, "is_enabled": is_enabled,
    }  # fmt: skip
    policy = Policy(organization_id=actor.organization_id, **_checked(given))
    _check_together(actor, policy)
    try:
        with transaction.atomic():
            policy.save()
            _publish(topics.POLICY_CREATED, policy, actor, None, values(policy))
    except IntegrityError:
        raise NameTaken from None
    return policy


def update_policy(
    *, actor: Actor, policy_id: str, expected_revision: int | None = None, **new: Any
) -> Policy:
    """What is not named stays. Raises `NotFound`, `Stale`, `NameTaken`, `Invalid`."""
    require(actor, ApprovalsPermission.POLICY_MANAGE)
    try:
        with transaction.atomic():
            policy = _lock(policy_id)
            if expected_revision not in (None, policy.revision):
                raise Stale
            before = values(policy)
            for column, value in _checked(new).items():
                setattr(policy, column, value)
            _check_together(actor, policy, is_named="approvers" in new)
            policy.revision += 1
            policy.save(update_fields=[*new, "revision"])
            _publish(topics.POLICY_UPDATED, policy, actor, before, values(policy))
    except IntegrityError:
        raise NameTaken from None
    return policy


def delete_policy(*, actor: Actor, policy_id: str) -> None:
    """What waits under it goes on waiting. Raises `NotFound`."""
    require(actor, ApprovalsPermission.POLICY_MANAGE)
    with transaction.atomic():
        policy = _lock(policy_id)
        _publish(topics.POLICY_DELETED, policy, actor, values(policy), None)
        policy.delete()


def values(policy: Policy) -> dict[str, Any]:
    return {column: getattr(policy, column) for column in CHECKS}


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    wrong = WrongFields()
    for name, value in given.items():
        with wrong.gathered():
            columns[name] = CHECKS[name](value)
    wrong.refuse()
    return columns


def _check_together(actor: Actor, policy: Policy, *, is_named: bool = True) -> None:
    terms.check_reach(policy.quorum, policy.approvers)
    if is_named:  # somebody named long ago may have left; that hinders no other change
        requests.check_members(actor, policy.approvers)


def _lock(policy_id: str) -> Policy:
    rows = Policy.objects.select_for_update(of=("self",), no_key=True)
    policy = rows.filter(public_id=policy_id).first()
    if policy is None:
        raise NotFound
    return policy


def _publish(
    topic: str,
    policy: Policy,
    actor: Actor,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=policy.organization_id,
            actor=actor,
            object_id=policy.public_id,
            object_name=policy.name,
            before=before,
            after=after,
        )
    )
