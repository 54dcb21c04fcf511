"""A valid call for each public name of files."""

from scaling_lib import files
from tests import scratch

EXAMPLES = [(files.write_whole, {"path": scratch.folder() / "abc", "write": lambda file: file.write(b"abc")})]
