"""The spool: what a hot request must record goes into an append-only file by one `write`, and into the database later.

`process.append` writes, `process.register_drain` names who takes the records, `process.drain_all` is the ticker that
hands them over: at least once, in order, hundreds at a time. A process killed at any instant loses nothing it has
written; whoever starts next, or a sibling, takes its files over. It does not survive the loss of the disk itself.
"""
