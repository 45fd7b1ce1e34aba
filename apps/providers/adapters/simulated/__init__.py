"""No model at all: answers made up by rule, from a seed. It says so in the model's name, the fingerprint and the text."""
