"""The browser that prints the book and looks at its pages: Chromium, as it is installed on this machine."""

import shutil

# Names of the program, the first that is there is taken.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing but this machine is reached.
FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
MISSING = "there is no Chromium: apt-get install chromium"


def program() -> str | None:
    """The path of the browser; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)
