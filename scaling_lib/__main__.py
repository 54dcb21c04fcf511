"""`python -m scaling_lib`: the command `scaling-lab`, where it is not on the path."""

from scaling_lib.cli.app import app

if __name__ == "__main__":
    app(prog_name="scaling-lab")
