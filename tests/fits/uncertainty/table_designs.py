"""Named designs of small tables, and how often the default interval covers there, for thousands of data sets at once.

All runs lie in a box of N = 1e7 to 1e10 and D = 3e8 to 3e11 in the order of Halton's sequence, with the law below and
normal noise of .3 % on the loss. `statistics` finds the optima of all data sets together; a parameter is covered where
its constrained optimum at the truth is within the threshold of the profile, which is what the interval is made of.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from scipy.stats import qmc

from scaling_lib.fits.fitting import Fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.solver.design import Rho
from scaling_lib.fits.solver.newton import minimise
from scaling_lib.fits.solver.problem import Problem, make_problem

LAW = Chinchilla()
TRUTH = {"E": 1.7, "A": 400.0, "B": 410.0, "alpha": 0.34, "beta": 0.28}
CELLS = np.array([0, 2, 5, 9, 16, 30])


@dataclass(frozen=True)
class TableDesign:
    """rows: how many runs. sigma: standard deviation of log L."""

    rows: int
    sigma: float = 0.003

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """N and D of the runs, (rows,) each."""
        u = qmc.Halton(2, scramble=False).random(self.rows + 1)[1:]
        return {"N": 10 ** (7 + 3 * u[:, 0]), "D": 10 ** (8.5 + 3 * u[:, 1])}

    def draw(self, generator: np.random.Generator, datasets: int, noise: str = "normal") -> np.ndarray:
        """Losses (datasets, rows). noise: normal, or student, of three degrees of freedom and the same variance."""
        size = (datasets, self.rows)
        z = generator.standard_normal(size) if noise == "normal" else generator.standard_t(3, size) / np.sqrt(3)
        return LAW.loss(TRUTH, **self.columns) * np.exp(self.sigma * z)


DESIGNS = {f"{rows} rows": TableDesign(rows) for rows in (10, 15, 20, 30)}


def optima(problem: Problem, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (datasets, p) and objectives (datasets,) of the best fits, from many starts."""
    lower, upper = problem.bounds
    theta, value = np.zeros((len(y), len(lower))), np.full(len(y), np.inf)
    robust = problem.objective not in ("ols", "log-ols")

    def attempt(start: np.ndarray) -> None:
        solution = problem.solve(np.clip(start, lower, upper), y=y, steps=100)
        lowest = solution.value < value
        theta[lowest], value[lowest] = solution.theta[lowest], solution.value[lowest]

    for start in [*problem.starts(CELLS), problem.coordinates(TRUTH)]:
        everywhere = np.broadcast_to(start, theta.shape).copy()
        if robust:
            smooth = minimise(problem.design, y, None, everywhere, Rho(True, None), lower, upper, steps=60)
            attempt(smooth.theta)
        attempt(everywhere)
    generator = np.random.default_rng(0)
    for _ in range(4 if robust else 0):
        attempt(theta * np.exp(0.02 * generator.standard_normal(theta.shape)))
    return theta, value


def covered(
    design: TableDesign, losses: np.ndarray, objective: str, level: float = 0.95
) -> tuple[list[Fit], dict[str, np.ndarray]]:
    """(fits, parameter -> whether the profile interval of each data set holds the truth)."""
    y = np.log(losses)
    clean = make_problem(LAW, design.columns, LAW.loss(TRUTH, **design.columns), objective, None, None)
    theta, value = optima(clean, y)
    params = clean.natural(theta)
    fits = [
        Fit(replace(clean, loss=row), place, dict(zip(LAW.parameters, natural.tolist(), strict=True)), float(least),
            True) for row, place, natural, least in zip(losses, theta, params, value, strict=True)
    ]  # fmt: skip
    quantile = float(stats.t.ppf(0.5 + level / 2, design.rows - len(LAW.free)))
    hits = {}
    for name in LAW.parameters:
        held = replace(clean, law=LAW.pin(**{name: TRUTH[name]}))
        rise = optima(held, y)[1] - value
        scale = np.array([fitted._units * fitted._profile_scale(name) for fitted in fits])
        hits[name] = rise * scale <= quantile**2
    return fits, hits
