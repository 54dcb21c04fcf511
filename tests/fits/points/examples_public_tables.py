"""Valid calls of scaling_lib.fits.points.public_tables for the fuzz test."""

from scaling_lib.fits.points.public_tables import mlfoundations_runs

EXAMPLES = [(mlfoundations_runs, {"corpus": "rpj"})]
