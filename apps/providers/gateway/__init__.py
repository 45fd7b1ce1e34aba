"""The path of a call, on the event loop: admit, resolve, choose, call, settle, answer. Warm, it touches no database."""
