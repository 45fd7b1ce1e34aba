"""Text Generation Inference: OpenAI's route for chats, its native one for completions. The project itself is archived."""
