"""Floor 2: the decoder, how its width is parametrized, what it costs."""
