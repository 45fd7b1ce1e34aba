"""Outside systems: Redis, which carries published events between processes."""
