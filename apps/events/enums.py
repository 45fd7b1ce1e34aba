"""The permissions of this app; who holds them stands in `permissions.py`."""

from __future__ import annotations

from apps.core.permissions import Permission


class EventsPermission(Permission):
    AUDIT_VIEW = "events.audit.view"
    """Read, export and follow the audit trail."""
    TOPIC_LISTEN = "events.topic.listen"
    """Follow the live topics of one's organization."""
