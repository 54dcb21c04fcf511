# %% [markdown]
# # One shot
#
# You may train one large model, once. Before it you may screen small ones, for a quarter of its cost and in three
# rounds. Then you say which model, on how many tokens, at which learning rate, and what its loss will be: an
# interval that holds the outcome with a probability of 80 %. Only then is it trained.
#
# Up to 40 points are for the loss that you reach, up to 40 for your interval, and 20 for a report that a person
# reads. The book's page on the capstones says how the points are counted, and what four strategies score.
#
# Nothing here needs a network or torch but the part *Live*, which trains models of yours.

# %%
# What your functions may use when they are marked. Add to it what you need.
import numpy as np

# %% tags=["check"]
# For practice: what is tagged "check" is not run when you are marked.
from scaling_lib.coursework.capstone.ledger import Ledger
from scaling_lib.coursework.capstone.marking import practise
from scaling_lib.coursework.capstone.scores import score
from scaling_lib.coursework.capstone.worlds import (
    PlantedWorld,
    TrainedWorld,
    recorded_world,
)
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import begin

# %% [markdown]
# ## By hand, in a planted world
#
# A planted world is a law in $N$, $D$ and the learning rate, with scatter. The floor (the entropy rate) is known,
# as it is for walks on a graph; all else is to be found out. A run is `[N, D, rate, seed]` and costs $6ND$ FLOPs.

# %% tags=["check"]
world = PlantedWorld("practice", 1)
ledger = Ledger(world)
print(f"floor {ledger.floor:.4f} nats, {ledger.left:.3g} FLOPs to screen")
ledger.screen([[60_000, 60_000, rate, 0] for rate in (0.25, 1.0, 4.0)])

# %% [markdown]
# Two rounds are left. Write down what you want to know before you spend them. A request is trained whole or refused
# whole; what diverges is paid for.

# %% tags=["check"]
next_runs = []  # such as [90_000, 150_000, 1.0, 0]
if next_runs:
    print(ledger.screen(next_runs))

# %% [markdown]
# Register: once, and there is no way back. Then the large run.

# %% tags=["check"]
said = {"N": ..., "D": ..., "rate": ...}
said |= {"low": ..., "forecast": ..., "high": ...}
if ... not in said.values():
    print(ledger.register(**said))
    print(ledger.hero(), score(ledger.registered, world), dict(world.law))

# %% [markdown]
# ## Where the naive law fails: recorded runs
#
# The same ledger on runs that were really made, on a graph of 1,000 nodes. `choices` says what can be asked for.
# Screen runs of at most a thirtieth of the largest, put a straight line through $\ln(L - E)$ against $\ln C$,
# forecast the largest run of the table, and look. Chapter 2 says what happened between the two.

# %% tags=["check"]
recorded = recorded_world()
recorded.choices.query("flops <= 1.41e11 or flops == flops.max()")

# %% tags=["check"]
practice = Ledger(recorded)
shapes = [(37_944, 100_000), (56_736, 100_000), (103_536, 160_000)]
practice.screen([[N, D, 1.0, 0] for N, D in shapes])

# %% tags=["check"]
table = practice.table
line = np.polyfit(np.log(table.flops), np.log(table.loss - practice.floor), 1)
forecast_of_line = practice.floor + np.exp(np.polyval(line, np.log(4.2e12)))
print(f"the line says {forecast_of_line:.3f}")
large = {"N": 1_077_696, "D": 651_000, "rate": 1.0}
said = {"low": ..., "forecast": ..., "high": ...}
if ... not in said.values():
    print(practice.register(**large, **said), practice.hero())

# %% [markdown]
# ## Live
#
# With torch you can spend the FLOPs for real: screening takes a minute or two on a laptop, the large run some four
# minutes. `sizes` says which $N$ there are; $D$ is a multiple of 1,000 tokens. Each run has an identity and lies in
# your store, so nothing is trained twice. Say `live = True` to do so.

# %% tags=["check"]
live = False
if live:
    lab = begin("smoke")
    trained = TrainedWorld(
        experiment("er-200").template, lambda runs: lab.train("one-shot", runs)
    )
    print(trained.sizes)
    spent = Ledger(trained)
    spent.screen([[18_744, 50_000, rate, 0] for rate in (0.5, 1.0, 2.0)])
    print(spent.table)
    # Two rounds are left; then spent.register(...) and spent.hero(), as above.

# %% [markdown]
# ## What is marked: two functions
#
# Your strategy is marked in planted worlds that nobody has seen, by two functions. `next_round` is called three
# times and returns the runs of a round, a list of `[N, D, rate, seed]` (`[]` saves the round); `forecast` is called
# at the end and returns `[N, D, rate, low, value, high]`. Both are told
#
# - `history`: of each run so far `[N, D, rate, seed, loss]`, where the loss is `None` if it diverged,
# - `floor`, in nats; `left`, FLOPs that may still be screened; `largest` and `hero`, FLOPs of one screening run and of the
#   large one at most (it uses half of them at least); `rounds_left`.
#
# A request that the ledger refuses costs the round. Each call has ten seconds. Write whatever helpers you like;
# numpy and scipy are there.


# %% tags=["stub", "key:one-shot"]
def next_round(history, floor, left, largest, hero, rounds_left):
    """The runs of this round: a list of [N, D, rate, seed]."""
    ...


def forecast(history, floor, left, largest, hero, rounds_left):
    """[N, D, rate, low, value, high]: the large run, and 80 % of its loss."""
    ...


# %% tags=["check", "key:one-shot"]
practise(next_round, forecast)

# %% [markdown]
# ## Report
#
# At most a page. What did you screen first, and why? What did you believe after the first round that the second
# changed? Where does the width of your interval come from: scatter of seeds, uncertainty of the fit, doubt about
# the law? In which practice world were you most wrong, and what would have told you?
#
# *Your report:*
