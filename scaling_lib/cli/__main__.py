"""`python -m scaling_lib.cli`, where the command is not on the path."""

from scaling_lib.cli.app import app

if __name__ == "__main__":
    app()
