"""What an approval is made of: evidence and its hash, terms, moves. Pure."""
