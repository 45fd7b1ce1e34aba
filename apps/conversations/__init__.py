"""Conversations: the chat workbench. Messages are rows with a parent; a generation belongs to the server."""
