"""Any server that says it speaks OpenAI's language."""
