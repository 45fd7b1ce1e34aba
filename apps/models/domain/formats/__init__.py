"""Formats of artefacts: each is known by its content, read without running it, and described."""
