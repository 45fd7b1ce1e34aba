"""The only place that writes: the audit trail, the outbox, the numbers of its events, their end by age."""
