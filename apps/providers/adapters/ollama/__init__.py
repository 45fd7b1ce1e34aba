"""Ollama's native API: its own words, made from OpenAI's and back."""
