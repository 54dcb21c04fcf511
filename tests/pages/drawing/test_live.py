"""A live figure: one picture without scripts, all of them with, the same bytes every time."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing import live
from tests.pages.drawing.examples_live import CURVE, FIGURE, LABEL, MARK


@pytest.fixture
def html(monkeypatch):
    display = pytest.importorskip("IPython.display")

    def html(**changes):
        outputs = []
        monkeypatch.setattr(display, "display", outputs.append)
        live.show_live(**(FIGURE | changes))
        (output,) = outputs
        return output.data

    return html


def test_the_page_is_delivered_with_the_picture_of_one_position(html):
    soup = BeautifulSoup(html(), "html.parser")
    assert soup.circle.attrs == {"cx": "10", "cy": "20", "r": "4.5", "fill": "#0072B2"}
    assert soup.find("text").string == "two"
    assert soup.select_one(".live-says").string == "larger"
    assert soup.output.string == "2"
    assert soup.input["value"] == "1"
    assert soup.input["max"] == "2"
    assert "hidden" in soup.select_one(".live-slider").attrs
    assert soup.select_one("[role=img]")["aria-label"] == FIGURE["alt"]
    assert soup.label["for"] == soup.input["id"]
    assert soup.figcaption.get_text() == FIGURE["caption"]
    assert soup.select_one("details.figure-data th").string == "size"


def test_the_script_holds_every_entry_of_every_list_and_only_those(html):
    script = BeautifulSoup(html(), "html.parser").script.string
    data = json.loads(re.search(r"= (\{.*\});", script)[1])
    assert data["moving"] == [[0, 0, "r", [3, 4.5, 5]], [0, 1, "", ["one", "two", "three"]]]
    assert data["values"] == FIGURE["values"]
    assert data["says"] == FIGURE["says"]


def test_the_same_figure_is_the_same_bytes_and_nothing_is_loaded_from_elsewhere(html):
    assert html() == html()
    assert re.findall(r"https?:|src=|@import|url\(", html()) == []


def test_no_text_ends_the_script_or_becomes_markup(html):
    soup = BeautifulSoup(html(says=["</script><b>", "<b>", "<b>"], slider="<b>", caption="<b>"), "html.parser")
    assert soup.find_all("b") == []
    assert len(soup.find_all("script")) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"says": ["one"] * 4}, "says must be 3 sentences, one for each value, got 4"),
        ({"values": ["1", "2"], "says": ["a", "b"]}, "panels must have one entry for each of the 2 values"),
        ({"start": 3}, "start must be an integer of at least 0 and at most 2, got 3"),
        ({"name": "live"}, "name must be a label that begins with 'fig-'"),
        ({"alt": "a disc"}, "alt must be a sentence"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(html, changes, message):
    with pytest.raises(InvalidArgument, match=message):
        html(**changes)


def test_attributes_are_numbers_and_texts_and_never_scripts():
    with pytest.raises(InvalidArgument, match="attributes"):
        live.Mark("circle", {"onclick": "alert()"})
    with pytest.raises(InvalidArgument, match="attributes"):
        live.Mark("circle", {"r": [1.0, float("nan")]})
    with pytest.raises(InvalidArgument, match="position must be one that every list has an entry for, got 3"):
        MARK.drawn(3)
    assert LABEL.drawn(0) == '<text x="5" y="15">one</text>'
    assert live.Mark("text", {"x": [1, 2]}, "a < b").drawn(1) == '<text x="2">a &lt; b</text>'


def test_the_dot_of_a_curve_lies_on_its_curve_between_the_axes():
    panel = live.curve_panel(**CURVE)
    curve = next(mark for mark in panel.marks if mark.tag == "polyline")
    points = [tuple(map(float, point.split(","))) for point in curve.attributes["points"].split()]
    dot = panel.marks[-1].moving
    assert points == list(zip(dot["cx"], dot["cy"], strict=True))
    assert points == [(50, 210), (175, 155), (300, 45)]
    (floor,) = [mark for mark in panel.marks if mark.text == "floor"]
    assert floor.attributes["y"] == 100 - 7
    with pytest.raises(InvalidArgument, match="y_ticks must be increasing"):
        live.curve_panel(**(CURVE | {"y_ticks": [8, 4]}))


def test_arrow_keys_move_every_list_and_what_is_said(html, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(html())
    page.locator("input").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("circle").get_attribute("r") == "5"
    assert page.locator("svg text").text_content() == "three"
    assert page.locator(".live-says").text_content() == "large"
    assert page.locator("output").text_content() == "3"
    assert page.locator("input").get_attribute("aria-valuetext") == "3"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_without_scripts_the_picture_stands_and_the_slider_is_hidden(html, browser):
    page = browser.new_page(java_script_enabled=False)
    page.set_content(html())
    assert page.locator("circle").get_attribute("r") == "4.5"
    assert not page.locator("input").is_visible()
    assert page.locator(".live-says").is_visible()
    page.close()
