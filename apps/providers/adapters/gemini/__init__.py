"""Google's Gemini API: its own words, made from OpenAI's and back."""
