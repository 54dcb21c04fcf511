"""The paper's one-dimensional procedure (appendix B): y = E + A (x / x0)^-beta, x0 = median(x), coordinates (E, log A,
log beta), a bounded trust-region-reflective least squares method from many starts, the least cost kept."""

import numpy as np
from scipy import optimize

from scaling_lib.fits.laws.forms import EXPONENT_RANGE
from scaling_lib.fits.solver.problem import Problem

__all__ = ["trust_region"]


def trust_region(problem: Problem, generator: np.random.Generator, starts: int) -> tuple[np.ndarray, float, bool]:
    """(E, B, beta), the least cost (rho with r^2 / 2), and whether the method said it had converged."""
    (x,) = problem.columns.values()
    loss, middle = problem.loss, float(np.median(x))
    log_x = np.log(x / middle)
    names = problem.law.parameters
    fixed = [problem.law.fixed.get(name) for name in names]
    free = [i for i in (0, 1, 2) if fixed[i] is None]
    low, high = np.log(EXPONENT_RANGE)
    lower, upper = np.array([[0.0, loss.max()], [-600.0, 600.0], [low, high]])[free].T

    def whole(place: np.ndarray) -> np.ndarray:
        """(E, log A, log beta) with what is fixed filled in."""
        full = np.array([fixed[0] or 0.0, 0.0, np.log(fixed[2] or 1.0)])
        full[free] = place
        return full

    def curve(place: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        offset, height, exponent = whole(place)
        power = np.exp(height - np.exp(exponent) * log_x)
        return offset + power, power, float(np.exp(exponent))

    def residual(place: np.ndarray) -> np.ndarray:
        model, _, _ = curve(place)
        return np.log(model) - problem.y if problem.logarithmic else model - problem.y

    def jacobian(place: np.ndarray) -> np.ndarray:
        model, power, exponent = curve(place)
        slopes = np.stack([np.ones_like(power), power, -exponent * log_x * power], axis=1)[:, free]
        return slopes / model[:, None] if problem.logarithmic else slopes

    best = None
    for number in range(starts):
        place = np.clip(np.array(_start(loss, log_x, number, starts, generator))[free], lower, upper)
        with np.errstate(over="ignore"):
            solution = optimize.least_squares(
                residual,
                place,
                jacobian,
                bounds=(lower, upper),
                method="trf",
                x_scale="jac",
                loss="linear" if problem.delta is None else "huber",
                f_scale=problem.delta or 1.0,
                ftol=1e-15,
                xtol=1e-15,
                gtol=1e-15,
                max_nfev=1000,
            )
        if best is None or solution.cost < best.cost:
            best = solution
    assert best is not None
    offset, height, exponent = whole(best.x)
    beta = float(np.clip(np.exp(exponent), *EXPONENT_RANGE))
    return np.array([offset, np.exp(height + beta * np.log(middle)), beta]), float(best.cost), bool(best.status > 0)


def _start(
    loss: np.ndarray, log_x: np.ndarray, number: int, starts: int, generator: np.random.Generator
) -> tuple[float, float, float]:
    """(E0, log A0, log beta0): quantiles of L for the first half of the starts, random offsets and exponents after."""
    half = (starts + 1) // 2
    if number < half:
        offset = min(float(np.quantile(loss, 0.5 * number / half)), float(loss.max()) * (1 - 1e-9)) * (1 - 1e-6)
    else:
        offset = float(generator.uniform(0, loss.min()))
    above = loss > offset
    if above.sum() >= 2 and np.ptp(log_x[above]) > 0:
        slope, height = np.polyfit(log_x[above], np.log(loss[above] - offset), 1)
    else:
        slope, height = -0.5, float(np.log(np.ptp(loss) + 1e-3 * loss.max()))
    exponent = float(np.log(max(-slope, 1e-2)))
    if number >= half:
        exponent, height = exponent + float(generator.normal()), height + float(generator.normal())
    return offset, float(height), exponent
