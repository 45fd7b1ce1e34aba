"""How the house is put together: settings, the URL table, the GraphQL schema, socket routing."""
