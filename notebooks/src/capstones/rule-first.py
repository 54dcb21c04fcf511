# %% [markdown]
# # Rule first
#
# The book's own lesson as a project: change one thing (the graph, the batch or the width), write down a rule before
# you train, train, and let the rule judge. What counts is the rule and the honesty of the judgement, not whether
# the effect is there. The book's page on the capstones has the marking rubric.
#
# Profile `smoke` is enough for two cores; `colab` for a GPU. Hand in this notebook with its outputs.

# %%
from dataclasses import replace

from scaling_lib.coursework.forecasts import forecast
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import begin

# %% [markdown]
# ## 1. The question
#
# *What do you change, and what do you keep? What would you expect if the change did nothing? Which number, in which
# unit, would tell? Three sentences.*

# %% [markdown]
# ## 2. The rule
#
# *Write it so that somebody else could apply it without asking you.*
#
# | | |
# | --- | --- |
# | quantity | *for example: excess loss at the larger graph over that at the smaller, same D, each at its best rate* |
# | value expected if nothing changes | |
# | margin: what counts as the same | *a number, and why this one* |
# | runs: sizes, tokens, rates, seeds | |
# | what would make the result undetermined | *for example: the best rate at an end of the grid* |
# | verdict if the interval lies inside the margin, outside, across | |
#
# Then your forecast of the quantity. It is registered with the time, and is not changed afterwards.

# %%
forecast("rule-first", low=..., value=..., high=...)

# %% [markdown]
# ## 3. The runs
#
# A grid is an experiment whose axes are other ones; everything else stays as in its template. Two examples, of
# which you keep one or neither. `identity` names a run for good: put the deciding ones into your judgement.

# %%
axes = {
    "smoke": {
        "schedule.batch": (10, 20),
        "schedule.tokens": (100_000,),
        "architecture.width": (32,),
        "optimizer.learning_rate": (0.5, 1.0, 2.0),
        "seed": (0, 1, 2),
    }
}
sizes = ("source.parameters.nodes", "source.parameters.edges")
graphs = {sizes: ((100, 500), (200, 1000))}  # two sizes of the same degree
mine = replace(experiment("er-200"), name="rule-first", axes=axes)
print(len(mine.configurations("smoke")), "runs")

# %%
train_now = False
if train_now:
    lab = begin("smoke")
    runs = lab.train("rule-first", mine.configurations("smoke"))
    columns = ["identity", "N", "D", "batch", "learning_rate", "seed"]
    print(runs[[*columns, "excess_loss"]].to_string())

# %% [markdown]
# ## 4. The judgement
#
# *The quantity, its interval over seeds (the run is the unit, chapter 3), and what your rule says of it: one of
# reproduced, differs, inconclusive, undetermined. The identities of the runs that decide. What your forecast got
# wrong, and why. What else could explain the number, and which runs would tell.*
