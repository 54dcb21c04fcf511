"""How sure: resamples, intervals and their coverage, windows, straightness, rival laws, collapse of curves."""
