"""GraphQL, a module for each area; `config.schema` combines what they export."""
