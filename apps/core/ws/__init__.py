"""The base of the socket door: who connects, `/ws` with its frames, and GraphQL over `graphql-transport-ws`.

Consumers hold no channel layer of their own: events come from the process's one live stream (`core.live`).
"""
