"""The permissions of this app; who holds them stands in `permissions.py`."""

from __future__ import annotations

from apps.core.permissions import Permission


class EventsPermission(Permission):
    AUDIT_VIEW = "events.audit.view"
    """Read, export and follow the audit trail."""
    TOPIC_LISTEN = "events.topic.listen"
    """Follow the live topics of one's organization."""
    WEBHOOK_VIEW = "events.webhook.view"
    """See webhooks and what became of their deliveries."""
    WEBHOOK_MANAGE = "events.webhook.manage"
    """Make, change, test and remove webhooks; send deliveries again."""
