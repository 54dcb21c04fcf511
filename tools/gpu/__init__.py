"""`make gpu`: everything that this book wants of a GPU, in one command (`tools.gpu.__main__`)."""

import time

# When the command began. It is imported before whatever takes time, which counts.
BEGUN = time.monotonic()
