"""Other people's data, and data drawn from a planted law."""
