"""Which parameters of a law in N and D the points can tell apart at all.

Two powers, A N^-alpha + B D^-beta, are one where N and D rise together: with D = c N^s the points stay as they are when
(A, alpha) and (B c^-beta, s beta) change places. So each power is left out in turn, and the two are exchanged; where
that costs no more than noise, only the sum along the ladder is determined.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scaling_lib.fits.laws.one_variable import PowerLaw
from scaling_lib.fits.laws.two_variables import Chinchilla
from scaling_lib.fits.solver.problem import Problem

__all__ = ["Exchange", "exchanged", "without_a_power"]

# Exchanged exponents this near to the fitted ones, relative, are the same fit.
_SAME = 0.02


@dataclass(frozen=True)
class Exchange:
    """params: the optimum that exchanging the two powers leads to; objective: its value."""

    params: dict[str, float]
    objective: float


def without_a_power(problem: Problem) -> dict[str, tuple[float, int]]:
    """{"N": (objective, parameters saved), "D": ...}: the best fits by a power of N alone and of D alone.

    Only where leaving the other power out is a case of the law: its coefficient must be free.
    """
    law = problem.law
    if not isinstance(law, Chinchilla):
        return {}
    alone = {}
    for name, coefficient, dropped in (("N", "A", "B"), ("D", "B", "A")):
        if dropped in law.fixed:
            continue
        single = PowerLaw(variable=name)
        exponent = law.exponents[0 if name == "N" else -1]
        held = {"E": law.fixed.get("E"), coefficient: law.fixed.get(coefficient)}
        held[single.exponent] = law.fixed.get(exponent)
        single = single.pin(**{key: value for key, value in held.items() if value is not None})
        columns = {name: problem.columns[name]}
        if not single.free or columns[name].min() == columns[name].max():
            continue
        _, objective, _ = replace(problem, law=single, columns=columns).search()
        alone[name] = (objective, len(law.free) - len(single.free))
    return alone


def exchanged(problem: Problem, params: Mapping[str, float]) -> Exchange | None:
    """The optimum where A N^-alpha does what B D^-beta did, and the reverse; None where there is no other one.

    log D is written as a line in log N; the nearer the points lie to it, the less the exchange costs.
    """
    law = problem.law
    if not isinstance(law, Chinchilla) or law.tied_exponents or {"A", "B", "alpha", "beta"} & set(law.fixed):
        return None
    log_n, log_d = np.log(problem.columns["N"]), np.log(problem.columns["D"])
    centred_n, centred_d = log_n - log_n.mean(), log_d - log_d.mean()
    correlation = float(centred_n @ centred_d / np.sqrt((centred_n @ centred_n) * (centred_d @ centred_d)))
    if correlation < 0.5:
        return None
    slope = float(np.sqrt((centred_d @ centred_d) / (centred_n @ centred_n)))
    intercept = float(log_d.mean() - slope * log_n.mean())
    alpha, beta = params["beta"] * slope, params["alpha"] / slope
    log_a = np.log(params["B"]) - params["beta"] * intercept
    log_b = np.log(params["A"]) + beta * intercept
    if not max(abs(log_a), abs(log_b)) < 600:
        return None
    other = {**params, "A": float(np.exp(log_a)), "B": float(np.exp(log_b)), "alpha": alpha, "beta": beta}
    solution = problem.solve(problem.coordinates(other)[None])
    reached = dict(zip(law.parameters, problem.natural(solution.theta)[0].tolist(), strict=True))
    moved = max(abs(np.log(reached[name] / params[name])) for name in ("alpha", "beta"))
    return Exchange(reached, float(solution.value[0])) if moved > _SAME else None
