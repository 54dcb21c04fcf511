"""Five hundred tables made at random (twenty thousand in the slow suite): read as planted, or refused by the cause."""

import re
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.tables import doubts, one_row_a_point, read_table, table_columns, with_names
from scaling_lib.fits.uncertainty.intervals import Interval, profile_or_undetermined
from tests.fits import fuzzed

LAW = Chinchilla()
# Each table of the slow suite belongs to one of so many parts, which run side by side.
PARTS, WHOLE, SMALL = 8, 20_000, 500


def judged(case, path, number):
    """(outcome, the interval's hit or None): "answered", "refused", "doubted", "undetermined"."""
    file = path / f"runs{case.suffix}"
    file.write_bytes(case.content)
    try:
        table = read_table(file, case.columns or None)
        table_columns(LAW, table)
        grave = [doubt for doubt in doubts(table) if doubt.grave]
        if grave:
            said = " ".join(doubt.sentence for doubt in grave)
            assert all(word in said for word in case.words), (number, case.kind, said)
            if case.units:
                settle_by_units(case, file)
            return "doubted", None
        if case.kind == "pinned above a loss":
            fit(LAW.pin(E=case.pinned), table)
            return "answered", None
    except (InvalidArgument, InvalidData) as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert "\n" not in refusal
        assert len(refusal) < 500
        assert all(word in refusal for word in case.words), (number, case.kind, refusal)
        if case.kind == "pinned above a loss":  # which the file has with fewer digits
            named = float(re.search(r"the smallest is ([\d.e-]+)", refusal)[1])
            assert named == pytest.approx(case.planted["loss"].min(), rel=1e-3), (number, refusal)
        return "refused", None
    if case.kind == "repeated points":
        (said,) = [text for text in fit(LAW, table, objective="log-ols").warnings if "distinct points" in text]
        assert all(word in said for word in case.words), (number, said)
        table = one_row_a_point(table)
    planted = case.planted.sort_values(["N", "D"])
    read = table.sort_values(["N", "D"])
    for name in ("N", "D", "loss"):
        assert read[name].to_numpy() == pytest.approx(planted[name].to_numpy(), rel=1e-6), (number, case.kind, name)
    fitted = fit(LAW, table, objective="log-ols")
    parameter = LAW.free[number % len(LAW.free)]
    if case.kind == "collinear ladder":
        parameter = ("alpha", "beta")[number % 2]
    outcome = profile_or_undetermined(fitted, parameter)
    if not isinstance(outcome, Interval):
        if case.words:
            assert all(word in outcome.reason for word in case.words), (number, case.kind, outcome.reason)
        return "undetermined", None
    return "answered", (parameter, case.truth[parameter] in outcome)


def settle_by_units(case, file):
    """With its units declared the table is the planted one."""
    table = read_table(file, case.columns or None, units=case.units)
    assert not [doubt for doubt in doubts(table) if doubt.grave]
    planted = case.planted.sort_values(["N", "D"])
    for name in ("N", "D", "loss"):
        assert table.sort_values(["N", "D"])[name].to_numpy() == pytest.approx(planted[name].to_numpy(), rel=1e-6)


def tried(numbers, path):
    """Outcomes by kind, and hits and trials by parameter."""
    outcomes, hits, trials = Counter(), Counter(), Counter()
    for number in numbers:
        case = fuzzed.made(number)
        outcome, covered = judged(case, path, number)
        outcomes[case.kind, outcome] += 1
        if covered is not None and case.kind == "well-posed":
            trials[covered[0]] += 1
            hits[covered[0]] += covered[1]
    return outcomes, hits, trials


def checked(outcomes, hits, trials):
    """Print rates of refusal by kind, and judge them."""
    for kind in fuzzed.KINDS:
        total = sum(count for (of, _), count in outcomes.items() if of == kind)
        shares = {outcome: count / total for (of, outcome), count in sorted(outcomes.items()) if of == kind}
        print(f"{kind:22} {total:6}  " + ", ".join(f"{outcome} {share:.1%}" for outcome, share in shares.items()))
        answered = shares.get("answered", 0.0)
        if kind == "well-posed":
            assert answered >= 0.95
        elif kind == "repeated points":
            assert answered >= 0.9
        else:
            assert answered == 0, f"{kind}: answered"
    for name in LAW.free:
        low, high = stats.binom.ppf([5e-4, 1 - 5e-4], trials[name], 0.95)
        print(f"{name:6} {hits[name]} of {trials[name]} intervals cover; band {low:.0f} to {high:.0f}")
        assert low <= hits[name] <= high, name


def test_five_hundred_tables(tmp_path):
    checked(*tried(range(SMALL), tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_twenty_thousand_tables(tmp_path, part):
    checked(*tried(range(SMALL + part, SMALL + WHOLE, PARTS), tmp_path))


def test_the_truth_of_a_case_is_a_law_that_its_table_follows():
    seen = set()
    for number in range(60):
        case = fuzzed.made(number)
        seen.add(case.kind)
        clean = LAW.loss(case.truth, N=case.planted["N"].to_numpy(), D=case.planted["D"].to_numpy())
        assert np.abs(np.log(case.planted["loss"] / clean)).max() < 0.012
        assert fuzzed.made(number).content == case.content
    assert seen == set(fuzzed.KINDS)
    assert with_names(fuzzed.made(0).planted)["C"].gt(0).all()
