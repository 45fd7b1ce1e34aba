"""Who may see what happened."""

from __future__ import annotations

from apps.core.permissions import ADMINS, EVERYONE, grant
from apps.events.enums import EventsPermission

__all__ = ["EventsPermission"]

grant(EventsPermission.AUDIT_VIEW, to=ADMINS, doc="Read, export and follow the audit trail.")
grant(
    EventsPermission.TOPIC_LISTEN, to=EVERYONE, doc="Follow the live topics of one's organization."
)
grant(
    EventsPermission.WEBHOOK_VIEW,
    to=ADMINS,
    doc="See webhooks and what became of their deliveries.",
)
grant(
    EventsPermission.WEBHOOK_MANAGE,
    to=ADMINS,
    doc="Make, change, test and remove webhooks; send deliveries again.",
)
