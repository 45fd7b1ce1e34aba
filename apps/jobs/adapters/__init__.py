"""Bells that reach beyond this process: named pipes on one machine, PostgreSQL's NOTIFY."""
