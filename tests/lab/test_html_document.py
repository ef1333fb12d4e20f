"""Reports: nothing outside, nobody's words as code, and components that run from a file."""

import json
import re

import plotly.graph_objects as go
import pytest

from simcore.lab import html_document

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def blocks():
    return [
        html_document.heading(EVIL),
        html_document.words(EVIL),
        html_document.command(f"simcore {EVIL}"),
        html_document.table([EVIL, "b"], [[EVIL, None], ["1", 2.5]], caption=EVIL),
        html_document.beside(html_document.table(["a"], [[1]]), html_document.table(["b"], [[2]])),
        html_document.live("<i></i>", "i{}", "export default () => {}", {"name": EVIL, "n": 1}),
    ]


def test_words_never_become_code():
    page = html_document.document(EVIL, blocks())
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("</script>") == 2  # the component's data, and what starts it
    (told,) = re.findall(r"<script type='application/json'>(.*?)</script>", page)
    assert json.loads(told)["data"] == {"name": EVIL, "n": 1}


def test_the_drawing_library_comes_once_and_only_where_it_is_needed():
    plain = html_document.document("a", blocks())
    assert len(plain) < 10_000
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="line"))
    page = html_document.document("a", [html_document.chart(figure, x="across", y="up")] * 2)
    assert page.count("plotly.js v") == 1
    assert "across" in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert figure.layout.xaxis.title.text is None  # the caller's figure is left alone


def test_numbers_that_json_has_no_word_for_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        html_document.live("", "", "", {"x": float("nan")})


def test_a_report_on_a_paper_can_be_stopped_between_its_sections():
    from simcore.errors import SimError
    from simcore.lab.papers import paper_report

    made = []

    def step():
        made.append(1)
        return paper_report.Section("one")

    with pytest.raises(SimError, match="stopped before two"):
        paper_report.make([("one", step), ("two", step)], None, lambda: bool(made))
    assert len(made) == 1
