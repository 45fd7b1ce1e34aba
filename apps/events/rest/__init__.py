"""The REST door to the audit trail."""
