"""OpenAI's words and Anthropic's for the same things, in both directions: requests, whole answers, streams.

What one of them has no place for is left out; what neither of them knows is passed on. Pure: no clock, no I/O.
"""
