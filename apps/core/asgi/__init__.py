"""The way in: one ASGI application, one URL table, two ways to run a view.

Coroutine views run on the loop; everything else takes one hop into a shared thread pool whose threads keep their
database connections. `gate.py` reads top-down as the life of a request.
"""
