"""Widths and heights that depend on what is shown, and on the screen."""

import plotly.graph_objects as go
import pytest

from simcore.ui import charts, widgets

PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36"


@pytest.fixture
def browser(monkeypatch):
    """Sets the name that the browser gives itself."""

    def named(agent: str) -> None:
        monkeypatch.setattr(widgets.st, "context", type("Context", (), {"headers": headers}))
        headers["User-Agent"] = agent

    headers: dict[str, str] = {}
    return named


def test_a_name_below_the_first_rows_fits_its_column(browser):
    browser("desktop")
    names = ["hog"] * 30 + ["efficientnet-lite0-grid"]
    assert widgets.name_column(["hog"])["width"] < 100
    assert widgets.name_column(names)["width"] > 160  # 24 px of margins, 6 px per letter
    assert widgets.name_column(["x" * 200])["width"] == 320
    assert widgets.name_column([])["width"] == 60
    browser(PHONE)
    long = widgets.name_column(["x" * 200])
    assert long["width"] < 390 / 2  # pinned, so that numbers keep half of the screen
    assert long["pinned"]


def test_a_long_legend_leaves_a_phone_a_plot(browser, monkeypatch):
    heights = []
    monkeypatch.setattr(charts.st, "plotly_chart", lambda figure, **_: heights.append(figure))
    for agent in ("desktop", PHONE):
        browser(agent)
        figure = go.Figure([go.Bar(x=[1], y=[1], name=f"name {n}") for n in range(19)])
        charts.show(figure, "chart", height=360)
    desktop, phone = (figure.layout.height for figure in heights)
    assert 360 < desktop < phone
    assert phone - 19 * 17 >= 360  # a name a line, 17 px each
