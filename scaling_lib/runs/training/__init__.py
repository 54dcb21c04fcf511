"""Training an ensemble: steps, optimizer, scoring."""
