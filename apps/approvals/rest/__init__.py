"""The REST door of approvals and policies."""
