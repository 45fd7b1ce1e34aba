"""Who belongs here: organisations, people and their roles, service accounts, invitations, login and its tokens.

May use: core. What a credential amounts to is answered by `queries.identities`; API keys themselves are the keys app's.
"""
