"""The path of a model call on the event loop: table, admission, choice, attempts, settlement. No database when warm."""
