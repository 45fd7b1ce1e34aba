"""Migrations of organisations and people."""
