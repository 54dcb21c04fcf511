"""Reports on a table of runs: what a fit and a plan say, as tables and as one page."""
