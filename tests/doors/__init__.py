"""The doors, endpoint by endpoint: a subclass says what an endpoint is, and inherits how it must behave."""
