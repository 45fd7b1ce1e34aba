"""Models in GraphQL, by what the fields are about."""
