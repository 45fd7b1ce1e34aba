"""OpenAI's models at Azure: a deployment in the path, a version in the query, a header of its own."""
