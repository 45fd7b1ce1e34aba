"""Work that is never lost: the one job model, its queue, its worker and its schedule.

The row is the truth; doorbells (an event in the process, NOTIFY, a broker's message) only say "look now". Uses tenants
and core. Whatever has work to do later declares a kind and enqueues it within its own transaction.
"""
