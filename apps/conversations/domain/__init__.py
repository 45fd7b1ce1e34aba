"""Pure rules of conversations: trees of messages, context, titles. No Django, no I/O."""
