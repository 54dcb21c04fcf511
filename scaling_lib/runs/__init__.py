"""Floor 3: training runs, their identity, where they are kept."""
