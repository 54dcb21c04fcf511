"""Floor 5: claims with their verdicts, figures with their provenance."""
