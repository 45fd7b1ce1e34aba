"""Who may hold conversations. Whose they are is decided per conversation: nobody writes in another's."""

from __future__ import annotations

from apps.conversations.enums import ConversationsPermission
from apps.core.permissions import ADMINS, CALLERS, EVERYONE, grant

__all__ = ["ConversationsPermission"]

grant(
    ConversationsPermission.VIEW,
    to=EVERYONE,
    doc="Read one's own conversations and those shown to the organization.",
)
grant(
    ConversationsPermission.CREATE,
    to=CALLERS,
    doc="Hold conversations: begin, write, stop, branch, share, remove one's own.",
)
grant(ConversationsPermission.UPLOAD, to=CALLERS, doc="Upload files to attach to messages.")
grant(
    ConversationsPermission.STATS,
    to=ADMINS,
    doc="See how many conversations each owner has and what they cost; never their texts.",
)
