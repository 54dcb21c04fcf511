"""A valid call for each public name of fits.allocation.planner."""


import numpy as np

from scaling_lib.fits.allocation import corrections, hardware, inverse, literature, planner
from tests import scratch
from tests.fits.allocation.planted_frontiers import HOFFMANN, grid
from tests.records import fields_of

GENERATOR = np.random.default_rng(0)
H100 = hardware.hardware_table()["h100"]
FRONTIER = literature.published("besiroglu", GENERATOR, resamples=10)
PLAN = planner.plan(1e20, FRONTIER)
INFERENCE = corrections.inference_aware(HOFFMANN, 1e12, loss=2.2)
REPEATED = corrections.repeated_data(HOFFMANN, 1e21, 1e9)
FILE = scratch.folder() / "runs.csv"
grid(HOFFMANN, 4, noise=1e-3).rename(columns={"N": "n"}).to_csv(FILE, index=False)
HARDWARE = FILE.with_name("hardware.toml")
HARDWARE.write_text(
    '[[hardware]]\nname = "x"\npeak_flops = 1e12\nwatts = 100\nprice_per_hour = 2\ndated = "2026"\nsource = "me"\n'
)
MACHINE = {"hardware": "h100", "utilization": 0.4, "overhead": 1.5, "table": {"h100": H100}}
PENALTY = {"penalty": 0.05, "repeat_exponent": 1.0, "capacity_exponent": 0.5}
DECAYS = {"token_decay": 15.0, "parameter_decay": 5.0}


def by_gpu_hours(gpu_hours, hardware, utilization, overhead, table):
    options = {"hardware": hardware, "utilization": utilization, "overhead": overhead, "table": table}
    return planner.budget_flops(gpu_hours=gpu_hours, **options)


def by_money(money):
    return planner.budget_flops(money=money)


def by_energy(energy):
    return planner.budget_flops(energy=energy)


def by_law(flops, generator, law, level, resamples):
    return planner.allocate(flops, generator, law=law, level=level, resamples=resamples)


def for_a_budget(flops):
    return corrections.inference_aware(HOFFMANN, 1e12, flops=flops)


def by_size(generator, N=None, D=None, tokens_per_parameter=None, loss=None, law=None, level=0.95, resamples=10):
    given = {"N": N, "D": D, "tokens_per_parameter": tokens_per_parameter, "loss": loss}
    return planner.allocate_inverse(generator, **given, law=law, level=level, resamples=resamples)


EXAMPLES = [
    (by_size, {"generator": GENERATOR, "N": 1e9, "loss": 2.5, "law": "besiroglu", "level": 0.9, "resamples": 10}),
    (by_size, {"generator": GENERATOR, "D": 1e11, "tokens_per_parameter": 20.0}),
    (
        planner.allocate_inverse,
        {"generator": GENERATOR, "flops": 1e20, "table": FILE, "columns": {"N": "n"}, "level": 0.9, "resamples": 10},
    ),
    (planner.determined_law, {"table": grid(HOFFMANN, 4, noise=1e-3)}),
    (inverse.inverse_plan, {"parameters": HOFFMANN, "N": 1e9, "loss": 2.5}),
    (inverse.inverse_plan, {"parameters": HOFFMANN, "D": 1e11, "tokens_per_parameter": 20.0}),
    (inverse.inverse_plan, {"parameters": HOFFMANN, "flops": 1e21}),
    (inverse.inverse_intervals, {"frontier": FRONTIER, "N": 1e9, "loss": 2.5, "level": 0.9}),
    (inverse.inverse_intervals, {"frontier": FRONTIER, "D": 1e11, "tokens_per_parameter": 20.0}),
    (inverse.inverse_intervals, {"frontier": FRONTIER, "flops": 1e21}),
    (inverse.InversePlan, fields_of(inverse.inverse_plan(HOFFMANN, N=1e9, D=2e10))),
    (corrections.chinchilla_parameters, {"parameters": HOFFMANN}),
    (hardware.Hardware, fields_of(H100)),
    (
        corrections.penalised_loss,
        {"parameters": HOFFMANN, "N": 1e9, "D": 1e11, "unique_tokens": 1e10} | PENALTY,
    ),
    (corrections.penalised_data, {"parameters": HOFFMANN, "flops": 1e21, "unique_tokens": 1e10} | PENALTY),
    (corrections.PenalisedPlan, fields_of(corrections.penalised_data(HOFFMANN, 1e21, 1e10, **PENALTY))),
    (corrections.InferencePlan, fields_of(INFERENCE)),
    (corrections.RepeatedPlan, fields_of(REPEATED)),
    (planner.Plan, fields_of(PLAN)),
    (hardware.hardware_table, {"path": HARDWARE}),
    (planner.budget_flops, {"flops": 1e20}),
    (by_gpu_hours, {"gpu_hours": 100.0} | MACHINE),
    (by_money, {"money": 100.0}),
    (by_energy, {"energy": 100.0}),
    (planner.budget_cost, {"flops": 1e20} | MACHINE),
    (planner.plan, {"flops": 1e20, "frontier": FRONTIER, "level": 0.9}),
    (literature.published, {"name": "besiroglu", "generator": GENERATOR, "resamples": 10}),
    (by_law, {"flops": 1e20, "generator": GENERATOR, "law": "besiroglu", "level": 0.9, "resamples": 10}),
    (
        planner.allocate,
        {"flops": 1e20, "generator": GENERATOR, "table": FILE, "columns": {"N": "n"}, "level": 0.9, "resamples": 10},
    ),
    (corrections.inference_aware, {"parameters": HOFFMANN, "inference_tokens": 1e12, "loss": 2.2, "cost_ratio": 0.5}),
    (for_a_budget, {"flops": 1e22}),
    (corrections.effective_amount, {"amount": 5.0, "unique": 1.0, "decay": 3.0}),
    (corrections.repeated_data_loss, {"parameters": HOFFMANN, "N": 1e9, "D": 1e11, "unique_tokens": 1e10} | DECAYS),
    (corrections.repeated_data, {"parameters": HOFFMANN, "flops": 1e21, "unique_tokens": 1e10} | DECAYS),
]
