"""Guardrails of prompts and answers: what a route lets through, changes or refuses. Pure.

`registry.make` reads one as it stands in a route; `texts` finds what is said in a body, `streams` guards an answer
while it is still being written.
"""
