"""The grids of studies that came after the twins of chapter 5."""
