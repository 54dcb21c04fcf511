"""The experiments of single studies, as data like `catalogue`: their grids, and why these."""
