"""Numerics that `fitting`, the intervals and the resamples share; nobody calls them directly, so they check nothing."""
