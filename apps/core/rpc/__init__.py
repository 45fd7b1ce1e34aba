"""How the worker process of the embedded size asks its server: JSON lines over a socket file in the data directory.

Who may open the file may ask: it belongs to the user the server runs as, and to nobody else. Uses no other app.
"""
