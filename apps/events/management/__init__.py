"""Commands over the audit trail."""
