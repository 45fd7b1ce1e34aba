"""Answers being written, on the loop: the server owns them, viewers come and go."""
