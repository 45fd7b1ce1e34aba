"""The names of this app's facts."""

from __future__ import annotations

CONVERSATION_CREATED = "conversations.conversation.created"
CONVERSATION_CHANGED = "conversations.conversation.changed"
CONVERSATION_REMOVED = "conversations.conversation.removed"
CONVERSATION_IMPORTED = "conversations.conversation.imported"
SHARE_CREATED = "conversations.share.created"
SHARE_ENDED = "conversations.share.ended"
COMPARISON_CREATED = "conversations.comparison.created"
COMPARISON_CHOSEN = "conversations.comparison.chosen"
