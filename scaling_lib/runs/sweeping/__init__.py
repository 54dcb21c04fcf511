"""Grids of runs: experiments, what a store still lacks of them, many machines."""
