"""The house beside its peers, on this machine, in one run: ratios, never bare figures.

`python -m bench` is the whole table, `python -m bench scale` two processes against one. Nothing here is imported by
the server.
"""
