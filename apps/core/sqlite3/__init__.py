"""Django's SQLite backend with one change: who wants to write waits in a queue, not by sleeping and trying again."""
