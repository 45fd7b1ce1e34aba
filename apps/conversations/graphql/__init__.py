"""Conversations in GraphQL: the same deeds as REST, one module for each area."""
