"""Where runs are kept: the store, checkpoints, tables."""
