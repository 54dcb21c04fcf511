"""Floor 1: chains, walks and what counting learns from them. Imports no torch."""
