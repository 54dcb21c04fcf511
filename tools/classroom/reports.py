"""What an instructor reads: marks.csv, mistakes.csv and pages in HTML, made of the marks of a class.

Names and the messages of failed cells are the students' words: in a page they are escaped, and in a table for a
spreadsheet they cannot begin a formula.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

from coursework.assignments import AnyAssignment
from scaling_lib.coursework.grading import Marks

__all__ = ["Bar", "class_page", "histogram", "marks_table", "mistakes_table", "student_page"]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222;
       background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
.number { text-align: right }
.bar { background: #2a6f97; height: 1em; min-width: 2px }
.right { color: #1b6e37 }
.wrong { color: #9b2226 }
code { white-space: pre-wrap }
"""
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title><style>{{ style | safe }}</style></head><body><h1>{{ title }}</h1>
"""
CLASS = """{% if missing %}<p><b>Graded with weaker protection:</b> without {{ missing | join(", ") }}.</p>{% endif %}
<p>{{ graded }} of {{ marks | length }} submissions were graded.</p>
<table>
<tr><th>student</th><th>points</th>
{% for exercise in exercises %}<th>{{ exercise.title }}</th>{% endfor %}
<th>note</th></tr>
{% for mark in marks %}
<tr><td><a href="{{ links[loop.index0] }}">{{ mark.student }}</a></td>
<td class="number">{{ mark.points }} of {{ mark.out_of }}</td>
{% for one in mark.marks %}<td class="{{ one.state.split()[0] }}">{{ one.points }}</td>{% endfor %}
<td>{{ mark.note }}</td></tr>
{% endfor %}
</table>
<h2>What the answers were</h2>
{% for exercise in exercises %}
<h3>{{ exercise.title }}</h3>
<table>
{% for bar in bars if bar.key == exercise.key %}
<tr><td class="number">{{ bar.count }}</td>
<td style="width: 12rem"><div class="bar" style="width: {{ bar.percent }}%"></div></td>
<td>{{ bar.name }}</td><td>{{ bar.says }}</td></tr>
{% endfor %}
</table>
{% endfor %}
</body></html>
"""
STUDENT = """<p>{{ marks.points }} of {{ marks.out_of }} points.</p>
{% if marks.note %}<p class="wrong">{{ marks.note }}</p>{% endif %}
<table>
<tr><th>exercise</th><th>points</th><th>what became of it</th></tr>
{% for mark in marks.marks %}
<tr><td>{{ mark.title }}</td><td class="number">{{ mark.points }} of {{ mark.out_of }}</td>
<td class="{{ mark.state.split()[0] }}">{{ mark.says }}</td></tr>
{% endfor %}
</table>
{% if marks.failed_cells %}<h2>Cells that failed</h2>
<ul>{% for line in marks.failed_cells %}<li><code>{{ line }}</code></li>{% endfor %}</ul>
{% endif %}
<p>Protections while the code ran: limits{% for name in marks.protections %}, {{ name }}{% endfor %}.</p>
</body></html>
"""
_PAGES = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)


@dataclass(frozen=True)
class Bar:
    """How many students gave one kind of answer to one exercise. percent: of those graded; says: one such diagnosis."""

    key: str
    name: str
    count: int
    percent: int
    says: str


def histogram(assignment: AnyAssignment, marks: Sequence[Marks]) -> list[Bar]:
    """For each exercise, the answers by what they were: right, not attempted, each mistake; the most frequent first."""
    graded = [one for one in marks if not one.note]
    bars = []
    for place, exercise in enumerate(assignment.exercises):
        given = [one.marks[place] for one in graded]
        names = Counter(mark.mistake or (mark.state if mark.state != "wrong" else "unknown") for mark in given)
        says = {mark.mistake or (mark.state if mark.state != "wrong" else "unknown"): mark.says for mark in given}
        bars += [
            Bar(exercise.key, name, count, round(100 * count / len(graded)), says[name])
            for name, count in sorted(names.items(), key=lambda item: (-item[1], item[0]))
        ]
    return bars


def cell(text: str) -> str:
    """A text for a spreadsheet: not the beginning of a formula."""
    # As wide as a Chinese character, these signs begin a formula too.
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") else text


def _table(lines: Sequence[Sequence[object]]) -> str:
    held = io.StringIO()
    # In quotes, since a spreadsheet may take a semicolon for the end of an entry, and what follows for another.
    csv.writer(held, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows(
        [[cell(entry) if isinstance(entry, str) else entry for entry in line] for line in lines]
    )
    return held.getvalue()


def marks_table(assignment: AnyAssignment, marks: Sequence[Marks]) -> str:
    """marks.csv: a line for each student, with the points of each exercise."""
    keys = [exercise.key for exercise in assignment.exercises]
    lines: list[Sequence[object]] = [["student", "points", "out_of", *keys, "note"]]
    lines += [[one.student, one.points, one.out_of, *(mark.points for mark in one.marks), one.note] for one in marks]
    return _table(lines)


def mistakes_table(bars: Sequence[Bar]) -> str:
    """mistakes.csv: the histogram, a line for each exercise and kind of answer."""
    lines: list[Sequence[object]] = [["exercise", "answer", "students", "percent", "says"]]
    return _table(lines + [[bar.key, bar.name, bar.count, bar.percent, bar.says] for bar in bars])


def class_page(assignment: AnyAssignment, marks: Sequence[Marks], links: Sequence[str], missing: Sequence[str]) -> str:
    """The page of a class, with the histogram of mistakes. links: to each student's page."""
    return _PAGES.from_string(HEAD + CLASS).render(
        title=assignment.label,
        style=STYLE,
        exercises=assignment.exercises,
        marks=marks,
        graded=sum(not one.note for one in marks),
        links=links,
        bars=histogram(assignment, marks),
        missing=missing,
    )


def student_page(assignment: AnyAssignment, marks: Marks) -> str:
    """The page of a student."""
    return _PAGES.from_string(HEAD + STUDENT).render(
        title=f"{assignment.label}: {marks.student}", style=STYLE, marks=marks
    )
