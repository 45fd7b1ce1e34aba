"""Every change of approvals and of their policies."""
