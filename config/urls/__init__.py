"""The one URL table: `table.py` in canonical spelling, `aliases.py` the seeds' other names for the same views."""
