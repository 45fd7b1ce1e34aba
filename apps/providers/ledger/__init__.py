"""What may be spent and what was: reserve at admission, settle at the end."""
