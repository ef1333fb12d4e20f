"""HTML documents: self-contained, all text escaped, components that run from a file."""

import json
import re

import plotly.graph_objects as go
import pytest

from simcore.lab import html_document

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def blocks():
    return [
        html_document.heading(EVIL),
        html_document.paragraph(EVIL),
        html_document.command(f"simcore {EVIL}"),
        html_document.table([EVIL, "b"], [[EVIL, None], ["1", 2.5]], caption=EVIL),
        html_document.side_by_side(
            html_document.table(["a"], [[1]]), html_document.table(["b"], [[2]])
        ),
        html_document.embed("<i></i>", "i{}", "export default () => {}", {"name": EVIL, "n": 1}),
    ]


def test_text_is_always_escaped():
    page = html_document.document(EVIL, blocks())
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("</script>") == 2  # the data of the component, and the script that starts it
    (content,) = re.findall(r"<script type='application/json'>(.*?)</script>", page)
    assert json.loads(content)["data"] == {"name": EVIL, "n": 1}


def test_plotly_is_embedded_once_and_only_where_a_chart_needs_it():
    plain = html_document.document("a", blocks())
    assert len(plain) < 10_000
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="line"))
    page = html_document.document("a", [html_document.chart(figure, x="across", y="up")] * 2)
    assert page.count("plotly.js v") == 1
    assert "across" in page
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert figure.layout.xaxis.title.text is None  # the figure of the caller is unchanged


def test_numbers_that_json_cannot_express_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        html_document.embed("", "", "", {"x": float("nan")})
