"""Anthropic's Messages API: its own dialect, passed on as it came to callers who speak it."""
