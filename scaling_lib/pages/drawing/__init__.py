"""Figures, live figures, sentences with numbers."""
