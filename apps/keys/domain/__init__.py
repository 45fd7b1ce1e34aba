"""Pure parts: the text of a key and its hashes, the shape of limits and addresses."""
