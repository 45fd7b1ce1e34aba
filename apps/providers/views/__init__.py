"""The hot doors: plain async views in the dialects of OpenAI and Anthropic."""
