"""Forecasts: runs that a fit was not shown, what a known floor is worth to them, what one recipe saves over another."""
