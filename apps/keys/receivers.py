"""What other apps' facts mean for keys."""

from __future__ import annotations

from apps.core.bus import Fact, receives
from apps.keys.services import keys
from apps.tenants import topics


@receives(topics.MEMBER_REMOVED)
def revoke_keys_of_member(fact: Fact) -> None:
    keys.revoke_keys_of_member(actor=fact.actor, member_id=fact.object_id)
