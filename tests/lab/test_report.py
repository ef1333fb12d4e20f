"""Reports: nothing outside, nobody's words as code, and components that run from a file."""

import json
import re

import plotly.graph_objects as go
import pytest

from simcore.lab import report

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def blocks():
    return [
        report.heading(EVIL), report.words(EVIL), report.command(f"simcore {EVIL}"),
        report.table([EVIL, "b"], [[EVIL, None], ["1", 2.5]], caption=EVIL),
        report.beside(report.table(["a"], [[1]]), report.table(["b"], [[2]])),
        report.live("<i></i>", "i{}", "export default () => {}", {"name": EVIL, "n": 1}),
    ]  # fmt: skip


def test_words_never_become_code():
    page = report.document(EVIL, blocks())
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("</script>") == 2  # the component's data, and what starts it
    (told,) = re.findall(r"<script type='application/json'>(.*?)</script>", page)
    assert json.loads(told)["data"] == {"name": EVIL, "n": 1}


def test_the_drawing_library_comes_once_and_only_where_it_is_needed():
    plain = report.document("a", blocks())
    assert len(plain) < 10_000
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="line"))
    page = report.document("a", [report.chart(figure, x="across", y="up")] * 2)
    assert page.count("plotly.js v") == 1
    assert "across" in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert figure.layout.xaxis.title.text is None  # the caller's figure is left alone


def test_numbers_that_json_has_no_word_for_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        report.live("", "", "", {"x": float("nan")})


def test_a_report_on_a_paper_can_be_stopped_between_its_sections():
    from simcore.errors import SimError
    from simcore.lab import sections

    made = []

    def step():
        made.append(1)
        return sections.Section("one")

    with pytest.raises(SimError, match="stopped before two"):
        sections.make([("one", step), ("two", step)], None, lambda: bool(made))
    assert len(made) == 1
