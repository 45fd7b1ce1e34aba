"""Stored files: bytes that are too large for a row, kept once for each organisation under the digest of what they are.

An app keeps bytes by `files.store`, reads them by `files.open`, ends them by `files.delete` or an expiry, and lets
callers have them through a door of its own, which says who may, by `answers.attachment`.
"""
