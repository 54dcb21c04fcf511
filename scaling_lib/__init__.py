"""Measure and fit neural scaling laws on data whose truth is known."""
