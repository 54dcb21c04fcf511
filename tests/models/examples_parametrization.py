"""A valid call for each public name of models.parametrization."""

from dataclasses import asdict

from scaling_lib.models import parametrization
from scaling_lib.models.accounting import Architecture

PAIR = {"architecture": Architecture(20, 16, context=8), "parametrization": parametrization.Parametrization()}
BASE = parametrization.Parametrization("mup-base", base_width=16)

EXAMPLES = [
    (parametrization.Parametrization, asdict(BASE)),
    (parametrization.TensorRule, asdict(parametrization.tensor_rules(**PAIR)[0])),
    (parametrization.Multipliers, asdict(parametrization.multipliers(**PAIR))),
    (parametrization.multipliers, PAIR),
    (parametrization.tensor_rules, PAIR),
    (parametrization.table, PAIR),
    (parametrization.width_powers, PAIR),
]
