"""What models are made of, as pure functions: names, feature schemas, scorecards, formats."""
