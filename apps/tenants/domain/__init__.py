"""Pure pieces of login: the tokens' form, the pace of attempts, where a caller stands."""
