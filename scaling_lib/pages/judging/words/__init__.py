"""What the studies found, in sentences that their verdicts choose, and as points for the figures of a chapter."""
