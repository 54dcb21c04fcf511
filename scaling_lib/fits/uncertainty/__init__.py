"""How sure: resamples, intervals and their coverage, windows, straightness."""
