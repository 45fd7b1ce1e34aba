"""Calling out: the one place that opens connections to servers that others name.

`addresses` judges hosts and addresses (pure), `errors` says what went wrong, `client.call` does one exchange within its
limits of time and size, `loop.call_from_thread` is the way in for threads. No redirect is followed, no proxy believed.
"""
