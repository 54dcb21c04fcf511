"""Floor 4: laws, estimators, intervals, allocation. Takes tables, never stores."""
