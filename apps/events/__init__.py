"""What happened: the audit trail, the live topics and the hub that carries them to sockets.

The room is the bus's sink: it writes the audit row in the deed's own transaction and feeds sockets after commit.
It may use tenants and core. Outbox, sequence numbers, event streams and webhooks have their place here too.
"""
