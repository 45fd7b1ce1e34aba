"""Settings: `base` holds what is always so; `development`, `test` and `production` say what differs."""
