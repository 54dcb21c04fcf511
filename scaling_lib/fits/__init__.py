"""Laws, estimators, intervals, surfaces, and what a budget buys: from a table of runs to a fit and a plan.

Everything here takes tables (columns N, D, C, loss) and gives numbers with errors; nothing trains, stores or draws. Of
the rest of the library it needs only `errors` and `arguments`: the folder could be taken alone.

    tables, fitting    a table is read and checked; a law is fitted
    laws               the formulas; the laws that others published
    seeds              means over seeds at the best rate, branches, slopes, lack of fit
    undetermined       the outcome that prints no number
    uncertainty        resamples, intervals and their coverage, windows, straightness, rivals, collapse
    surfaces           L(N, D) without a formula
    allocation         the compute-optimal frontier, budgets and plans
    forecasting        forecasts of larger runs, the worth of a known floor, what a recipe saves
    points             other people's runs, and runs drawn from a planted law
    solver             the numerics behind `fitting.fit`
"""
