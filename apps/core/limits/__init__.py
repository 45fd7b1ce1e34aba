"""The rate limiter: exact sliding windows, in process or in Redis, several at once.

Doors ask `factory.get_store().hit(checks)` and answer with `domain.headers(...)`. What a class of
calls is allowed, and whether it fails open or closed, is decided by the callers. Uses no other app.
"""
