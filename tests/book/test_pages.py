"""The ledger's pages: every field is known, every verdict has words, and no number is typed in their prose."""

import math
import re
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import pyplot
from PIL import Image

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.written import typeset
from scaling_lib.pages.judging.changes import ledger_changes
from scaling_lib.pages.judging.claims import Row, evaluate, totals
from scaling_lib.pages.judging.ledger import KINDS, VERDICTS
from scaling_lib.pages.judging.measured import Measured, Undecided
from scaling_lib.pages.judging.twins.studies import RATE
from scaling_lib.runs.keeping.kept import recorded_models
from scaling_lib.runs.keeping.tables import recorded_or_none
from scaling_lib.runs.sweeping.studies.barest import GRAPHS
from tests.pages.planted import power_law_runs, surface_runs
from tools.chapters import ROOT, sources
from tools.pages import claims, filling, front, listing, runs, status, suspects
from tools.pages.book import Book
from tools.pages.markup import anchor

TEMPLATES = [path for path in sorted((ROOT / "book").glob("*.md")) if filling.is_template(path.read_text())]
PLANTED = {name: surface_runs(name) for name in ("er-1k-small", "er-1k-wide", "er-8k-small")}
PLANTED["er-100"] = power_law_runs(1.0)


judged = cache(evaluate)


def no_tables(name):
    return None


def book(tmp_path, tables, verdict=None):
    """With verdict: every row of a rule is given it, whatever was measured."""
    rows = judged(tables)
    if verdict is not None:
        shown = {"differs": Measured(9.0, 8.0, 10.0), "undetermined": Undecided("the seeds disagree")}
        shown = shown.get(verdict, Measured(1.0, 0.9, 1.1))
        measured = None if verdict == "not run" else shown
        rows = [Row(row.claim, measured, verdict, True) if row.claim.judged else row for row in rows]
    pictures = tmp_path / "drawn"
    pictures.mkdir()
    return Book({row.claim.id: row for row in rows}, tables, (), pictures)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return book(tmp_path_factory.mktemp("shipped"), recorded_or_none)


def test_the_pages_of_the_ledger_are_templates_and_in_the_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    (part,) = [part for part in toc["parts"] if part["caption"] == "The claims"]
    listed = {entry["file"].removeprefix("book/") for entry in part["chapters"]}
    front = Path(toc["root"]).name
    assert listed | {front} == {path.stem for path in TEMPLATES}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_every_page_fills(shipped, template):
    filled = filling.fill(template.read_text(), shipped, template.name)
    assert not filling.is_template(filled)
    assert not re.search(r"\bnan\b|>None<", re.sub(r"base64,[\w+/=]+", "", filled))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_page_fills_whatever_the_verdicts(tmp_path, monkeypatch, verdict):
    """Nothing depends on today's outcomes, nor on any table being there."""
    none = book(tmp_path, no_tables, verdict)
    if verdict != "differs":  # one set of pictures is drawn to the last dot, and that of today's verdicts above
        monkeypatch.setattr("tools.pages.markup.png", lambda figure: pyplot.close(figure) or b"")
    for template in TEMPLATES:
        filling.fill(template.read_text(), none, template.name)


def test_words_follow_the_verdict(tmp_path):
    words = "\n".join(f"{verdict}: It is {verdict}\n  indeed." for verdict in VERDICTS)
    choice = f'{{% call by_verdict("counting.rate") %}}\n{words}\n{{% endcall %}}\n'
    for verdict in VERDICTS:
        folder = tmp_path / verdict.replace(" ", "-")
        folder.mkdir()
        filled = filling.fill(choice, book(folder, no_tables, verdict), "page.md")
        assert filled == f"It is {verdict}\nindeed.\n"


def test_a_field_is_the_value_of_its_row(shipped):
    row = shipped.rows["counting.second_order"]

    def field(name):
        return filling.fill(f'{{{{ claim("counting.second_order").{name} }}}}', shipped, "page.md")

    assert field("ours") == f"{row.measured.value:.3f}"
    assert field("published") == "-24"
    linked = f'<a class="verdict" href="claims.html#claim-counting-second_order">{row.verdict}</a>'
    assert field("verdict") == linked
    assert field("result") == f"{row.measured.value:.3f} ({linked})"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{{ claim("no.such").ours }}', "no.such"),
        ('{{ claim("counting.rate").opinion }}', "has no attribute 'opinion'"),
        ("{{ claim() }}", "missing 1 required positional argument"),
        ('{{ number("no-such") }}', "no-such"),
        ('{{ block("no-such") }}', "no-such"),
        ('{{ setting("er-100").colour }}', "has no attribute 'colour'"),
        ('{{ setting("no-such").widths }}', "no-such"),
        ('{{ verdict("counting.rate") }}', "'verdict' is undefined"),
        ("{{ counting.rate }}", "'counting' is undefined"),
        ('{{ claim("counting.rate").ours }', "unexpected '}'"),
        ("{% perhaps %}", "unknown tag 'perhaps'"),
        ('{% call by_verdict("no.such") %}\nreproduced: yes\n{% endcall %}', "no.such"),
        ('{% call by_verdict("counting.rate") %}\nreproduced: yes\n{% endcall %}', "'differs'"),
        ('{% call by_verdict("counting.rate") %}\nperhaps: yes\n{% endcall %}', "perhaps"),
    ],
)
def test_an_unknown_field_is_refused_with_page_line_and_field(shipped, text, named):
    with pytest.raises(InvalidArgument, match=re.escape(named)) as caught:
        filling.fill(f"# Title\n\n{text}\n", shipped, "page.md")
    written = text.partition("\n")[0]
    assert str(caught.value).startswith(f"page.md, line 3 ({written!r}): ")
    assert "\n" not in str(caught.value)


def test_a_fault_in_a_block_is_not_blamed_on_the_page(shipped, monkeypatch):
    monkeypatch.setitem(filling.NUMBERS, "claims", lambda book: "1" + 1)
    with pytest.raises(TypeError, match="can only concatenate"):
        filling.fill('{{ number("claims") }}', shipped, "page.md")


# Where decimals may stand: fields, code, math, directives' arguments, citations, links, identifiers of papers.
ALLOWED = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|```.*?```|`[^`]*`|\$[^$]*\$|\{cite[:\w]*\}`[^`]*`|\]\([^)]*\)|arXiv:?\s*\d{4}\.\d{4,5}(v\d+)?",
    re.DOTALL,
)
DECIMAL = re.compile(r"(?<![\w.])[−+-]?\d*\.\d+")


def bare_decimals(text):
    return DECIMAL.findall(ALLOWED.sub(" ", text))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_no_decimal_is_typed_in_prose(template):
    assert bare_decimals(template.read_text()) == []


def test_a_typed_decimal_is_found():
    text = 'is 0.74, not .5 or -1.25 but $0.1$, `0.2`, {{ claim("a.0.3") }}, arXiv 2601.10684v1, [x](y-0.4.md) and v1.'
    assert bare_decimals(text) == ["0.74", ".5", "-1.25"]


def listed_claims(book):
    """The list of all claims, appendix and what was not run included."""
    return "".join(make(book) for make in (listing.claims_table, listing.refits, listing.not_run))


def test_every_claim_has_one_row_its_anchor_and_its_words(shipped):
    html = listed_claims(shipped)
    for identifier, row in shipped.rows.items():
        said = f'data-verdict="{row.verdict}" data-kind="{row.claim.kind}"'
        assert html.count(f'<tr id="{anchor(identifier)}" {said} ') == 1
    assert html.count("<tr id=") == len(shipped.rows)


def test_what_was_measured_stands_in_the_list_and_what_was_not_is_folded_by_experiment(shipped):
    rows = list(shipped.rows.values())
    grouped, folded = listing.groups(rows), listing.by_experiment(rows, "not run")
    undetermined, own = listing.by_experiment(rows, "undetermined"), listing.own_by_experiment(rows)
    assert all({row.verdict for row in members} == {verdict} for verdict, members in grouped.items())
    assert not {"not run", "undetermined"} & set(grouped)
    assert {row.claim.source for members in own.values() for row in members} == {"this book"}
    for experiments in (folded, undetermined, own):
        assert all({row.claim.id.split(".")[0] for row in members} == {name} for name, members in experiments.items())
    refits = [row for row in rows if listing.is_refit(row)]
    parts = [*grouped.values(), *folded.values(), *undetermined.values(), *own.values(), refits]
    assert sum(map(len, parts)) == len(rows)
    assert listing.claims_table(shipped).count('<details class="claims-fold"') == len(undetermined) + len(own) > 5
    html = listing.not_run(shipped)
    assert html.count("<details class=") == len(folded)
    count = sum(map(len, folded.values()))
    assert listing.waiting_count(shipped).startswith(f"{count} claims of {len(folded)} experiments")


def test_a_figure_is_linked_where_the_build_drew_it(shipped):
    chapters = tuple(sorted((ROOT / "notebooks").glob("*.ipynb")))
    drawn = replace(shipped, executed=chapters)
    link = filling.fill('{{ figure("fig-degrees") }}', drawn, "page.md")
    assert link == '<a href="../notebooks/01-graph-walks-entropy.html#fig-degrees">figure</a>'
    asked = {name for path in TEMPLATES for name in re.findall(r'figure\("([\w-]+)"\)', path.read_text())}
    assert len(asked) > 5
    assert asked <= {name for path in chapters for name in filling.drawn_figures(path)}
    absent = replace(shipped, executed=())
    assert filling.fill('{{ figure("fig-degrees") }}', absent, "page.md") == "its figure needs recorded runs"


def test_words_may_stand_for_all_other_verdicts(tmp_path):
    choice = '{% call by_verdict("counting.rate") %}\ndiffers: No.\notherwise: Perhaps\n  so.\n{% endcall %}\n'
    for verdict in VERDICTS:
        folder = tmp_path / verdict.replace(" ", "-")
        folder.mkdir()
        filled = filling.fill(choice, book(folder, no_tables, verdict), "page.md")
        assert filled == ("No.\n" if verdict == "differs" else "Perhaps\nso.\n")


def test_a_logarithm_of_a_ratio_is_written_as_times(shipped):
    shown = Measured(-math.log(4), -math.log(5), -math.log(2))
    rows = {**shipped.rows, "rates.loss": replace(shipped.rows["rates.loss"], measured=shown, verdict="differs")}
    assert filling.fill('{{ times("rates.loss") }}', replace(shipped, rows=rows), "page.md") == "4.00 (2.00 to 5.00)"
    rows["rates.loss"] = replace(rows["rates.loss"], verdict="undetermined")
    assert filling.fill('{{ times("rates.loss") }}', replace(shipped, rows=rows), "page.md") == "undetermined"


# A phone's column is at least this wide, in pixels, and shows a figure at this share of its size (custom.css).
COLUMN, SHARE = 330, 0.62


def test_the_figures_of_the_origin_are_as_wide_as_a_phone(shipped):
    text = (ROOT / "book" / "origin.md").read_text()
    asked = re.findall(r'block\("([\w-]+)"\)', text)
    assert set(suspects.BLOCKS) <= set(asked)
    css = (ROOT / "book" / "_static" / "custom.css").read_text()
    assert f"figure img {{ max-width: none; zoom: {SHARE}; }}" in css
    for name, block in suspects.BLOCKS.items():
        drawn = block(shipped)
        assert ":class: dark-light narrow" in drawn
        figure = re.search(r":name: (\S+)", drawn)[1]
        assert Image.open(shipped.pictures / f"{figure}.png").width * SHARE <= COLUMN, name
        absent = block(replace(shipped, tables=no_tables))
        assert absent == suspects.MISSING or name == "origin_degrees"


@pytest.mark.parametrize(
    ("first", "last", "identifier"),
    [("bend.first", "bend.last", "twins.straight"), ("targets.sampled", "targets.exact", "twins.labels_exponent")],
)
def test_two_exponents_of_a_page_differ_by_what_the_row_says(shipped, first, last, identifier):
    change = float(filling.NUMBERS[last](shipped)) - float(filling.NUMBERS[first](shipped))
    assert change == pytest.approx(shipped.rows[identifier].measured.value, abs=0.0011)  # both are rounded


def test_the_barest_graphs_are_counted_and_named(shipped):
    said = filling.NUMBERS["barest.answers"](shipped)
    kinds = int(re.match(r"Of (\d+)", said)[1])
    passed, failed, undecided = (int(re.search(rf"(\d+) {word}", said)[1]) for word in ("passed", "failed", "could"))
    assert kinds == passed + failed + undecided == len(GRAPHS)
    one = replace(shipped.rows["barest.D_coin"], verdict="reproduced", measured=Measured(0.0, 0.0, 0.0))
    more = filling.NUMBERS["barest.answers"](replace(shipped, rows={**shipped.rows, "barest.D_coin": one}))
    assert f"{passed + 1} passed our test for a power law (a biased coin, two nodes and one row and " in more


def test_the_figure_of_the_front_page_bends_over_the_true_floor_alone():
    """Planted: a power law over a floor; what is recorded is its distance to that floor."""
    tokens = np.array([1e5, 2e5, 4e5, 8e5])
    planted = pd.DataFrame(
        [{"seed": seed, "D": D, "excess_loss": 3e4 / D * (1 + seed / 100)} for seed in range(4) for D in tokens]
    ).assign(learning_rate=RATE, status="ok")
    planted.loc[len(planted)] = {"seed": 0, "D": 1e5, "excess_loss": 9.0, "learning_rate": 2 * RATE, "status": "ok"}
    table = front.excesses(planted)
    assert table.shape == (4, 4)
    true, low = front.assumed(table, 0.0), front.assumed(table, -0.01)
    assert true.exponent == pytest.approx([1, 1, 1])
    assert true.high == pytest.approx(true.low)
    assert true.spread == pytest.approx(0, abs=1e-9)
    assert (np.diff(low.exponent) < 0).all()
    assert low.loss == pytest.approx(true.loss + 0.01, rel=1e-3)


def test_the_figure_of_the_front_page_takes_its_word_from_the_ledger(shipped):
    html = front.hero(shipped)
    assert shipped.rows["twins.straight"].verdict == "differs"
    assert "This is no power law." in html
    lost = replace(shipped.rows["twins.straight"], verdict="undetermined")
    other = front.hero(replace(shipped, rows={**shipped.rows, "twins.straight": lost}))
    assert "This is no power law." not in other
    assert "the line bends" not in other


def test_the_map_has_every_chapter_and_a_new_one_without_an_edit(shipped, monkeypatch, tmp_path):
    lines = front.chapter_map(shipped).splitlines()
    assert [re.search(r"/notebooks/([\w-]+)\)", line)[1] for line in lines] == [source.stem for source in sources()]
    new = tmp_path / "08-a-new-one.py"
    new.write_text("# %% [markdown]\n# # Something new\n#\n# **The question.** What\n# is it?\n#\n# More.\n")
    monkeypatch.setattr(front, "sources", lambda: [new])
    assert front.chapter_map(shipped) == "- **8. [Something new](/notebooks/08-a-new-one)** What is it?"


def test_an_undetermined_row_shows_its_reason_and_no_number(shipped):
    rows = [row for row in shipped.rows.values() if row.verdict == "undetermined"]
    assert len(rows) > 5
    html = listed_claims(shipped)
    for row in rows:
        line = html.partition(f'<tr id="{anchor(row.claim.id)}"')[2].partition("</tr>")[0]
        ours = re.findall("<td>(.*?)</td>", line)[2]
        assert typeset(row.reason) in line
        assert re.fullmatch(r"–(<small>\d+ runs: .*</small>)?", ours)
        result = filling.fill(f'{{{{ claim("{row.claim.id}").result }}}}', shipped, "page.md")
        assert re.sub("<.*?>", "", result) in (
            f"undetermined ({escape(row.reason)})",
            f"undetermined (exploratory) ({escape(row.reason)})",
        )


def test_totals_go_by_kind_and_are_never_added_up(shipped):
    text = claims.totals_table(shipped)
    counted = totals(list(shipped.rows.values()))
    for kind in KINDS:
        line = text.partition(f"<td>{kind} (")[2].partition("</tr>")[0]
        cells = [re.sub("<.*?>|,", "", cell).replace("–", "0") for cell in re.findall("<td>(.*?)</td>", line)]
        assert [int(cell) for cell in cells] == counted.loc[kind].tolist()
        for verdict, count in counted.loc[kind].items():
            link = escape(f"?{urlencode({'show': verdict, 'kind': kind})}#claims-table")
            assert (f'href="{link}"' in line) is bool(count)
    reproduced = int(counted["reproduced"].sum())
    assert f">{reproduced}<" not in text


def test_the_two_chances_are_computed_by_the_rule(shipped):
    text = claims.two_chances(shipped)
    assert "has 0.80 and 0.60; one of 1.2 margins has 0.90 and 0.81" in text


def test_every_change_of_the_ledger_can_be_read(shipped):
    html = claims.ledger_changes_list(shipped)
    for change in ledger_changes():
        assert escape(change.said) in html
        assert escape(change.why) in html
        assert (f'href="#{anchor(change.row)}"' in html) is (change.row in shipped.rows)


def test_runs_lead_to_their_table(tmp_path):
    trained = book(tmp_path, {"er-100": power_law_runs(1.0)}.get)
    row = trained.rows["counting.rate"]
    recorded = dict.fromkeys(row.measured.runs, "er-100")
    assert '72 runs: <a href="status.html#table-er-100">er-100</a>' in listing.ours_cell(row, recorded)


def test_a_figure_for_each_kind_that_has_values(tmp_path):
    planted = book(tmp_path, PLANTED.get)
    text = claims.forest(planted)
    assert {path.stem for path in planted.pictures.iterdir()} == set(re.findall(r":name: (\S+)", text))
    assert ":name: fig-claims-trained" in text


def test_minutes_count_an_ensemble_once():
    alone = pd.DataFrame({"wall_seconds": [60.0, 120.0], "ensemble_size": [1, 1]})
    together = pd.DataFrame({"wall_seconds": [60.0, 60.0], "ensemble_size": [2, 2]})
    assert (status.minutes(alone), status.minutes(together)) == (3, 1)


@pytest.mark.parametrize(("device", "says"), [("cpu", "ever run on a GPU"), ("cuda: H100", "cuda: H100")])
def test_what_was_trained_on_is_read_from_the_runs(shipped, device, says):
    runs = power_law_runs(1.0).assign(device=device)
    text = status.devices(replace(shipped, tables=lambda name: runs if name == "er-100" else None))
    assert says in text
    assert ("GPU" in text) == (device == "cpu")


def test_the_speed_on_a_gpu_is_a_measurement_or_said_to_be_missing(shipped):
    missing = status.gpu_speed(replace(shipped, tables=lambda name: None))
    assert "no benchmark on a GPU is recorded" in missing
    row = {"device": "H100", "vocabulary": 1000, "width": 64, "precision": "tf32", "members": 32, "share": 0.3}
    row |= {"tokens_per_second": 4e7, "ratio": 16.0, "ratio_least": 15.5, "ratio_greatest": 16.5}
    table = pd.DataFrame([row])
    text = status.gpu_speed(replace(shipped, tables={"gpu-speed": table}.get))
    for part in ("H100", "40.00", "16.0 (15.5 to 16.5)", "30 %"):
        assert part in text


def test_the_status_page_says_what_was_measured_and_which_weights_are_kept(shipped):
    text = status.table_status(shipped)
    assert "<dt>leak and within</dt><dd>not measured</dd>" in text
    assert "<dt>final weights</dt><dd>not kept</dd>" in text
    one = recorded_or_none("er-100")
    measured = one.assign(leak=one["excess_loss"] / 2, within=one["excess_loss"] / 2)
    only = status.table_status(replace(shipped, tables={"er-100": measured}.get))
    assert f"<dt>leak and within</dt><dd>of {len(one)} runs</dd>" in only
    kept = len(set(one["identity"]) & set(recorded_models().identities))
    assert kept > 0
    assert f"<dt>final weights</dt><dd>of {kept} runs</dd>" in only


def test_the_status_page_says_how_many_runs_of_a_grid_were_not_trained(shipped, monkeypatch):
    entries = status.manifest()
    whole = {name: entry for name, entry in entries.items() if not entry.get("missing")}
    monkeypatch.setattr(status, "manifest", lambda: whole)
    assert "not trained" not in status.table_status(shipped)
    monkeypatch.setattr(status, "manifest", lambda: {"er-100": entries["er-100"] | {"missing": 7}})
    assert "<dt>not trained</dt><dd>7 runs of its grid, for want of time</dd>" in status.table_status(shipped)


def test_a_table_of_text_is_left_out_of_what_needs_a_floor_and_that_is_said(shipped):
    known = recorded_or_none("er-100")
    text = known.assign(entropy_rate=float("nan"), excess_loss=float("nan"), excess_loss_se=float("nan"))
    both = runs.evaluation_errors(replace(shipped, tables={"er-100": known, "er-200": text}.get))
    assert "nan" not in both
    assert "Nobody knows the entropy rate of the data of `er-200`" in both
    assert "Nobody" not in runs.evaluation_errors(replace(shipped, tables={"er-100": known}.get))
