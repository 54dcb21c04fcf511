"""Laws against each other by a likelihood that knows the scatter of the seeds, with the largest sizes held out.

Let m_i be the mean over n_i seeds of ln(excess loss) at size x_i, and v_i the variance of one seed, smoothed over sizes
as for a slope (`fits.seeds.slopes`). A law f with fitted parameters misses the means by r_i = m_i - ln f(x_i). With
V = diag(v_i / n_i), known up to a factor on nu degrees of freedom, r follows a multivariate Student distribution:

    ln p = ln Gamma((nu + k) / 2) - ln Gamma(nu / 2) - (k / 2) ln(nu pi) - sum_i ln(V_ii) / 2
           - ((nu + k) / 2) ln(1 + sum_i r_i^2 / V_ii / nu).

Least squares on log excess with weights 1 / V_ii maximise it. *Held out*: the law is fitted without the largest sizes,
again to `draws` data sets redrawn about that fit, and the density of the means held out is averaged over these fits, so
that a law pays for what its parameters leave open. The error of a held-out density is its standard deviation when the
held-out means are redrawn with their own scatter.

The rule. A law is *rejected* where its lack of fit on all points has a p below .05. It is *beaten* by another where
that one's held-out log density is larger by more than 2 nats and by more than 2 errors of the difference. A law that
stands is neither rejected nor beaten by one that is not rejected. The laws are separable if one stands, or if of those
that stand one is contained in all others (a power law in a shifted one): then the one contained is the decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp

from scaling_lib.arguments import BY_HAND, Count, Generator, Integer, Share, checked
from scaling_lib.errors import InvalidArgument, check_instance, check_text, invalid
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws import Exponential, PowerLaw, ShiftedPower, StretchedExponential
from scaling_lib.fits.laws.forms import Law
from scaling_lib.fits.seeds.means import SeedMean, checked_points
from scaling_lib.fits.seeds.scatter import LackOfFit, lack_of_fit
from scaling_lib.fits.seeds.slopes import design_matrix, smooth_variances, unusable
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["COUNTING", "RIVALS", "LawComparison", "LawScore", "compare_likelihoods"]

# What an excess loss over a known entropy rate may follow; the size is called D in all of them.
RIVALS: Mapping[str, Law] = {
    "power": PowerLaw(offset=0.0),
    "shifted power": ShiftedPower(offset=0.0),
    "power with a free floor": PowerLaw(),
    "stretched exponential": StretchedExponential(offset=0.0),
    "exponential": Exponential(offset=0.0),
}
# The name of the law "what counting achieves, times a power of the size".
COUNTING = "counting times a power"
# Laws that contain another one as a special case.
CONTAINED = {
    ("power", "shifted power"),
    ("power", "power with a free floor"),
    ("exponential", "stretched exponential"),
}
NATS, ERRORS = 2.0, 2.0


@checked
@dataclass(frozen=True)
class LawScore:
    """One law. parameters: fitted to all points. free: how many of them were fitted. log_likelihood: of all points.
    held_out: log predictive density of the means held out, with its held_out_error. fit: lack of fit on all points.
    """

    law: str
    parameters: Annotated[Mapping[str, float], BY_HAND]
    free: Count
    log_likelihood: float
    held_out: float
    held_out_error: float
    fit: Annotated[LackOfFit | Undetermined, BY_HAND]

    def __post_init__(self) -> None:
        check_instance("parameters", self.parameters, Mapping, remedy="make it with compare_likelihoods")  # type: ignore[type-abstract]
        check_instance("fit", self.fit, (LackOfFit, Undetermined), remedy="make it with lack_of_fit")

    @property
    def aic(self) -> float:
        """Akaike's criterion on all points; smaller is better."""
        return 2 * self.free - 2 * self.log_likelihood


@checked
@dataclass(frozen=True, eq=False)
class LawComparison:
    """scores: one a law. beaten: (law, by which other) pairs, by the rule of the module's docstring. held_out: the
    sizes held out. level: of the lack of fit.
    """

    scores: Annotated[tuple[LawScore, ...], BY_HAND]
    beaten: Annotated[frozenset[tuple[str, str]], BY_HAND]
    held_out: Annotated[tuple[float, ...], BY_HAND] = ()
    level: Share = 0.05

    def __post_init__(self) -> None:
        whole = isinstance(self.scores, tuple) and self.scores
        if not whole or not all(isinstance(score, LawScore) for score in self.scores):
            raise invalid("scores", "a tuple of LawScore", self.scores, "make it with compare_likelihoods")
        if not isinstance(self.beaten, frozenset):
            raise invalid("beaten", "a frozenset of pairs of laws", self.beaten, "make it with compare_likelihoods")
        if not isinstance(self.held_out, tuple):
            raise invalid("held_out", "a tuple of sizes", self.held_out, "make it with compare_likelihoods")

    @property
    def rejected(self) -> tuple[str, ...]:
        """Laws that miss the points by more than the scatter of the seeds."""
        tested = [score for score in self.scores if isinstance(score.fit, LackOfFit)]
        return tuple(score.law for score in tested if score.fit.p < self.level)  # type: ignore[union-attr]

    @property
    def standing(self) -> tuple[str, ...]:
        """Laws that are neither rejected nor beaten by one that is not rejected."""
        kept = [score.law for score in self.scores if score.law not in self.rejected]
        return tuple(law for law in kept if not any((law, other) in self.beaten for other in kept))

    @property
    def decision(self) -> str | Undetermined:
        """The law that the points single out, by the rule of the module's docstring."""
        standing = self.standing
        if not standing:
            return Undetermined("every law misses the points by more than the scatter of the seeds explains")
        for law in standing:
            if all((law, other) in CONTAINED for other in standing if other != law):
                return law
        return Undetermined(f"the points do not tell apart: {', '.join(standing)}")

    @property
    def table(self) -> pd.DataFrame:
        """law -> free, log_likelihood, aic, held_out, held_out_error, p (of lack of fit), standing."""
        return pd.DataFrame(
            [
                {
                    "law": score.law,
                    "free": score.free,
                    "log_likelihood": score.log_likelihood,
                    "aic": score.aic,
                    "held_out": score.held_out,
                    "held_out_error": score.held_out_error,
                    "p": score.fit.p if isinstance(score.fit, LackOfFit) else score.fit,
                    "standing": score.law in self.standing,
                }
                for score in self.scores
            ]
        ).set_index("law")


@checked
def compare_likelihoods(
    points: Annotated[Sequence[SeedMean], BY_HAND],
    variable: str,
    generator: Generator,
    *,
    laws: Annotated[Mapping[str, Law] | None, BY_HAND] = None,
    baseline: str | None = None,
    held_out: Count = 2,
    draws: Annotated[int, Integer(minimum=20, maximum=10**5)] = 200,
    level: Share = 0.05,
) -> LawComparison | Undetermined:
    """The comparison of the module's docstring, of laws of the excess loss in one size.

    points: from `seed_means`, with different sizes. variable: the coordinate that holds the size. laws: name -> law in
    D, by default `RIVALS`. baseline: the coordinate with what exact counting achieves there (excess loss, nats); the
    law "counting times a power of the size" joins if it is given. held_out: how many of the largest sizes. level: of
    the test of lack of fit. Undetermined where a point is, or has one seed. Raises InvalidArgument.
    """
    points = tuple(sorted(checked_points(points), key=lambda point: point.at.get(variable, 0.0)))
    design = design_matrix(points, variable, ())
    named = _checked_laws(laws)
    size = np.array([point.at[variable] for point in points])
    if len(np.unique(size)) < len(size):
        raise invalid("points", f"points with different {variable}", size.tolist(), "compare laws in one series")
    counting = None
    if baseline is not None:
        if baseline not in points[0].at:
            raise InvalidArgument(f"baseline must be a coordinate of the points, got {baseline!r}: add its column.")
        counting = np.array([point.at[baseline] for point in points])
        if not (counting > 0).all():
            raise invalid(
                "baseline", "a coordinate that is positive", counting.tolist(), "leave out where counting ends"
            )
    most = max([len(law.free) for law in named.values()] + [2])
    if len(points) - held_out < most:
        raise invalid(
            "held_out",
            f"at most {len(points) - most}, so that {most} sizes are left to fit",
            held_out,
            "train more sizes",
        )
    if (reason := unusable(points, design)) is not None:
        return reason
    data = _Data.of(points, size, design[:, 0])
    models: dict[str, Any] = {name: _Fitted(law) for name, law in named.items()}
    if counting is not None:
        models[COUNTING] = _TimesPower(np.log(counting))
    last = slice(len(points) - held_out, len(points))
    redrawn = data.means[last] + np.sqrt(data.variances[last]) * generator.standard_normal((draws, held_out))
    noise = np.sqrt(data.variances[:-held_out]) * generator.standard_normal((draws, len(points) - held_out))
    scores, densities = [], {}
    for name, model in models.items():
        parameters, fitted = model.whole(data)
        predicted = model.predicted(data, held_out, noise)
        densities[name] = np.array([_averaged(data, means, predicted, last) for means in (data.means[last], *redrawn)])
        test = lack_of_fit([p.logs for p in points], fitted, model.free, weights=1 / (data.variances * data.counts))
        error = float(densities[name][1:].std(ddof=1))
        likelihood = data.log_density(data.means - fitted, slice(None))
        scores.append(LawScore(name, parameters, model.free, likelihood, float(densities[name][0]), error, test))
    beaten = set()
    for one, other in ((one, other) for one in models for other in models if one != other):
        ahead = densities[other] - densities[one]
        if ahead[0] > max(NATS, ERRORS * float(ahead[1:].std(ddof=1))):
            beaten.add((one, other))
    return LawComparison(tuple(scores), frozenset(beaten), tuple(size[last].tolist()), level)


def _checked_laws(laws: Any) -> Mapping[str, Law]:
    if laws is None:
        return RIVALS
    check_instance("laws", laws, Mapping, remedy="pass a dict from name to law")
    if not laws:
        raise invalid("laws", "a dict of at least one law", laws, "pass {'power': PowerLaw(offset=0.0)}")
    for name, law in laws.items():
        check_text("laws", name)
        check_instance(f"laws[{name!r}]", law, Law, remedy="build one such as PowerLaw(offset=0.0)")
        if law.variables != ("D",) or name == COUNTING:
            raise invalid(f"laws[{name!r}]", "a law in D with a name of its own", law.formula, "leave out variable=")
    return laws


@dataclass(frozen=True, eq=False)
class _Data:
    """size, means of log excess, variances of these means, counts of seeds: (points,). freedom: of the variances."""

    size: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    counts: np.ndarray
    freedom: int

    @classmethod
    def of(cls, points: tuple[SeedMean, ...], size: np.ndarray, log_size: np.ndarray) -> "_Data":
        counts = np.array([point.seeds for point in points])
        single = smooth_variances(log_size, np.array([point.logs.var(ddof=1) for point in points]), counts - 1)
        means = np.array([point.logs.mean() for point in points])
        return cls(size, means, single / counts, counts, int((counts - 1).sum()))

    def log_density(self, missed: np.ndarray, part: slice) -> Any:
        """Multivariate Student log density of misses, (..., points of the part)."""
        variances, nu = self.variances[part], self.freedom
        k = len(variances)
        constant = gammaln((nu + k) / 2) - gammaln(nu / 2) - k / 2 * np.log(nu * np.pi) - np.log(variances).sum() / 2
        return constant - (nu + k) / 2 * np.log1p((missed**2 / variances).sum(axis=-1) / nu)


def _averaged(data: _Data, means: np.ndarray, predicted: np.ndarray, part: slice) -> float:
    """Log of the density of the means, averaged over the fits that predict them, (draws, points of the part)."""
    return float(logsumexp(data.log_density(means - predicted, part)) - np.log(len(predicted)))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A law of `fits.laws`, fitted by the solver."""

    law: Law

    @property
    def free(self) -> int:
        return len(self.law.free)

    def _fit(self, data: _Data, count: int) -> Fit:
        table = {"D": data.size[:count], "loss": np.exp(data.means[:count])}
        return fit(self.law, table, objective="log-ols", weights=1 / data.variances[:count])

    def whole(self, data: _Data) -> tuple[dict[str, float], np.ndarray]:
        """Parameters and fitted log excess on all points."""
        fitted = self._fit(data, len(data.size))
        return fitted.params, fitted.problem.predicted(fitted.theta[None])[0]

    def predicted(self, data: _Data, held_out: int, noise: np.ndarray) -> np.ndarray:
        """(draws, held_out): log excess at the sizes held out, by fits to the others redrawn."""
        count = len(data.size) - held_out
        fitted = self._fit(data, count)
        problem = fitted.problem
        y = problem.predicted(fitted.theta[None])[0] + noise
        solution = problem.solve(np.broadcast_to(fitted.theta, (len(y), len(fitted.theta))), y=y)
        with np.errstate(under="ignore"):
            values = problem.design_at({"D": data.size[count:]}).values(solution.theta)
        return np.log(np.maximum(values, 1e-300))


@dataclass(frozen=True, eq=False)
class _TimesPower:
    """What counting achieves times K x^-gamma: a straight line in logarithms."""

    log_baseline: np.ndarray
    free: int = 2

    def _solved(self, data: _Data, means: np.ndarray) -> np.ndarray:
        """(2, ...): ln K and -gamma from the first sizes, as many as there are means."""
        count = means.shape[-1]
        rows = np.column_stack([np.ones(count), np.log(data.size[:count])])
        root = 1 / np.sqrt(data.variances[:count])
        return np.linalg.lstsq(rows * root[:, None], ((means - self.log_baseline[:count]) * root).T, rcond=None)[0]

    def _line(self, data: _Data, solved: np.ndarray) -> np.ndarray:
        """(..., sizes): log excess at all sizes."""
        return self.log_baseline + (np.column_stack([np.ones(len(data.size)), np.log(data.size)]) @ solved).T

    def whole(self, data: _Data) -> tuple[dict[str, float], np.ndarray]:
        """Parameters and fitted log excess on all points."""
        solved = self._solved(data, data.means)
        return {"K": float(np.exp(solved[0])), "gamma": -float(solved[1])}, self._line(data, solved)

    def predicted(self, data: _Data, held_out: int, noise: np.ndarray) -> np.ndarray:
        """(draws, held_out): log excess at the sizes held out, by fits to the others redrawn."""
        count = len(data.size) - held_out
        centre = self._line(data, self._solved(data, data.means[:count]))[:count]
        return self._line(data, self._solved(data, centre + noise))[:, count:]
