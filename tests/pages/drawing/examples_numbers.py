"""A valid call for each public name of pages.drawing.numbers."""

import pandas as pd

from scaling_lib.pages.drawing import numbers

EXAMPLES = [
    (numbers.number, {"value": 0.123, "digits": 2, "decimals": 1}),
    (numbers.percent, {"share": 0.123, "digits": 2, "decimals": 1}),
    (numbers.rounded, {"table": pd.DataFrame({"x": [1.23456789, 0.0]}), "digits": 3}),
]
