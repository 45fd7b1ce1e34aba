"""OpenAI's wire: the base that OpenAI itself and all who speak like it share. No kind of its own."""
