"""The command line, above all floors."""

from scaling_lib.cli.app import app

__all__ = ["app"]
