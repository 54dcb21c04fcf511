"""A connection to a store's file that passes everything on, for tests that have it die at a chosen call."""


class Connection:
    """real: the connection of sqlite3. Subclasses override `executemany`."""

    def __init__(self, real):
        self.real = real

    def __enter__(self):
        return self.real.__enter__()

    def __exit__(self, *details):
        return self.real.__exit__(*details)

    def __getattr__(self, name):
        return getattr(self.real, name)
