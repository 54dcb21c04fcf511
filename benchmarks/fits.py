"""Fits and bootstraps, beside what a user would write instead, in one process, interleaved.

    python benchmarks/fits.py [--json] [--rounds 5] [--points FILE] [--resamples 4000] [--checked 60]

The law is Chinchilla's, the objective the sum of Huber(1e-3) on log L. The data are the 240 Chinchilla points where
`--points` names a copy of svg_extracted_data.csv, else the synthetic twin that ships with the project (`data` says).

    cold_fit_ms             median over the rounds of one fit without any start
    cold_fit_excess         its objective over the best of all references, less one
    bootstrap_s             median time of `resamples` pairs bootstraps, all at once
    bootstrap_worst_excess  over `checked` of these, against a reference of 13 starts each (L-BFGS-B, then BFGS)
    ratio_least_squares     time of a warm scipy least_squares loop (Huber, analytic Jacobian) over ours, per resample
    ratio_bfgs              time of a warm scipy BFGS loop as in the published replication (numeric gradient) over ours
    fit_1d_s                20 planted curves L(D) of 12 points with 1 % noise, each with `resamples` wild bootstraps

One thread; ratios are taken within a round and reported as median, least and greatest.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import optimize, special

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.points.datasets import chinchilla_points
from scaling_lib.fits.uncertainty import resampling

DELTA = 1e-3


class Reference:
    """The same objective for scipy: coordinates (a, b, e, alpha, beta) with A = exp(a), B = exp(b), E = exp(e)."""

    def __init__(self, table):
        self.x, self.z, self.y = (np.log(table[name].to_numpy()) for name in ("N", "D", "loss"))

    def parts(self, theta):
        a, b, e, alpha, beta = theta
        logs = np.stack([a - alpha * self.x, b - beta * self.z, np.full_like(self.x, e)])
        share = special.softmax(logs, axis=0)
        return special.logsumexp(logs, axis=0) - self.y, share

    def jacobian(self, theta):
        share = self.parts(theta)[1]
        return np.stack([share[0], share[1], share[2], -share[0] * self.x, -share[1] * self.z], axis=1)

    def value(self, theta, weights):
        return float(weights @ special.huber(DELTA, self.parts(theta)[0]))

    def gradient(self, theta, weights):
        residual = self.parts(theta)[0]
        return (weights * np.clip(residual, -DELTA, DELTA)) @ self.jacobian(theta)

    def best_of(self, weights, warm, generator, starts=12):
        """The lowest of the warm start and `starts` random ones, each L-BFGS-B to its limits, then BFGS."""
        low, high = np.array([0, 0, -1, 0, 0]), np.array([25, 25, 1, 2, 2])
        lowest = np.inf
        scale = 1 / max(self.value(warm, weights), 1e-300)
        for start in [warm, *generator.uniform(low, high, (starts, 5))]:
            theta = start
            for method, options in (("L-BFGS-B", {"ftol": 1e-15, "gtol": 1e-12, "maxiter": 2000}), ("BFGS", {})):
                theta = optimize.minimize(
                    lambda t: scale * self.value(t, weights),
                    theta,
                    jac=lambda t: scale * self.gradient(t, weights),
                    method=method,
                    options=options,
                ).x
            lowest = min(lowest, self.value(theta, weights))
        return lowest

    def least_squares(self, weights, warm):
        # Huber's threshold is on the residual, so a point drawn twice is two rows and not one of double weight.
        drawn = np.repeat(np.arange(len(weights)), weights.astype(int))
        return optimize.least_squares(
            lambda t: self.parts(t)[0][drawn],
            warm,
            jac=lambda t: self.jacobian(t)[drawn],
            loss="huber",
            f_scale=DELTA,
            x_scale="jac",
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
        )

    def bfgs(self, weights, warm):
        return optimize.minimize(lambda t: self.value(t, weights), warm, method="BFGS")


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def measure(points, rounds, resamples, checked):
    published = chinchilla_points(points, download=False)
    table, law = published.table, Chinchilla()
    reference = Reference(table)
    n = len(table)
    ones = np.ones(n)

    def cold():
        return fit(law, table, objective="log-huber", delta=DELTA)

    first = cold()
    params = first.params
    warm = np.array([np.log(params["A"]), np.log(params["B"]), np.log(params["E"]), params["alpha"], params["beta"]])
    generator = np.random.default_rng(1)
    best = min(reference.best_of(ones, warm, generator), first.objective)

    # The weights that `bootstrap` draws from this seed, for the others to use.
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)
    few = weights[:20]
    D = np.geomspace(1, 100, 12)
    curves = [{"D": D, "loss": 1 + D**-0.5 + 0.01 * generator.standard_normal(len(D))} for _ in range(20)]

    times = {"cold": [], "bootstrap": [], "least_squares": [], "bfgs": [], "one_d": []}
    for _ in range(rounds):
        times["cold"].append(timed(cold)[0])
        seconds, draws = timed(lambda: resampling.bootstrap(first, np.random.default_rng(0), resamples=resamples))
        times["bootstrap"].append(seconds)
        times["least_squares"].append(timed(lambda: [reference.least_squares(w, warm) for w in few])[0] / len(few))
        times["bfgs"].append(timed(lambda: [reference.bfgs(w, warm) for w in few[:5]])[0] / 5)
        times["one_d"].append(timed(lambda: one_dimensional(curves, resamples))[0])

    if draws.failed:
        raise SystemExit(f"{draws.failed} of {resamples} refits failed: objectives no longer match their resamples")
    worst = max(
        draws.objectives[k] / reference.best_of(weights[k], warm, generator) - 1 for k in range(min(checked, resamples))
    )
    ours = [seconds / resamples for seconds in times["bootstrap"]]
    return {
        "data": published.label,
        "resamples": resamples,
        "cold_fit_ms": 1000 * statistics.median(times["cold"]),
        "cold_fit_excess": first.objective / best - 1,
        "bootstrap_s": statistics.median(times["bootstrap"]),
        "bootstrap_worst_excess": worst,
        "ratio_least_squares": spread([t / o for t, o in zip(times["least_squares"], ours, strict=True)]),
        "ratio_bfgs": spread([t / o for t, o in zip(times["bfgs"], ours, strict=True)]),
        "fit_1d_s": statistics.median(times["one_d"]),
    }


def one_dimensional(curves, resamples):
    for curve in curves:
        fitted = fit(PowerLaw(variable="D"), curve, objective="log-huber", delta=DELTA)
        resampling.bootstrap(fitted, np.random.default_rng(0), resamples=resamples, kind="wild")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", default=None)
    parser.add_argument("--resamples", type=int, default=4000)
    parser.add_argument("--checked", type=int, default=60)
    options = parser.parse_args()
    result = measure(options.points, options.rounds, options.resamples, options.checked)
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
