"""SGLang's OpenAI-compatible server."""
