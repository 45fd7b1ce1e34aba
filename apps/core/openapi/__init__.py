"""The OpenAPI document: drf-spectacular for viewsets, `describe` for the plain async views, one file for both.

The document is committed as `openapi.json`, served from there, and a test compares it with the code.
"""
