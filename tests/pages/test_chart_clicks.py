"""What a click on a chart or a thumbnail does; here each point is a button."""

import pytest
import streamlit as st

from simcore.lab.evaluate import exclusive
from simcore.lab.leaderboard import costs, evaluation
from simcore.lab.leaderboard.evaluation import LeaderboardQuestion
from simcore.recipe import Question
from simcore.ui import charts, gallery
from tests.conftest import MODELS
from tests.pages.test_analysis_pages import ask, at_address


@pytest.fixture
def as_buttons(monkeypatch):
    """Draw the points of clickable charts, and the tiles of grids, as buttons."""

    def chart(figure, key, *, on_click=None, **_layout):
        values = [value for trace in figure.data for value in trace.customdata or ()]
        for value in dict.fromkeys(values) if on_click else ():
            st.button(value, key=f"{key}: {value}", on_click=on_click, args=(value,))
        charts.actions.follow_link()

    def grid(tiles, *, key, on_pick=None, **_layout):
        for tile in tiles if on_pick else ():
            pick = gallery.Pick(id=tile["id"], side=tile["side"], step=None)
            st.button(
                tile["id"],
                key=f"{key}: {tile['side']} {tile['id']}",
                on_click=on_pick,
                args=(pick,),
            )

    monkeypatch.setattr(charts, "show", chart)
    monkeypatch.setattr(gallery, "grid", grid)


def test_a_bar_of_exclusive_filters_the_pairs(app, tiny, as_buttons):
    at = at_address(app, "exclusive", collection=tiny, models=",".join(MODELS))
    at.button(key="isolation: color").click().run()
    assert not at.exception
    assert (at.query_params["found"], at.query_params["missed"]) == ("color", "hog,layout")
    at.button(key="isolation: +layout").click().run()
    assert (at.query_params["found"], at.query_params["missed"]) == ("layout", "none")
    report = exclusive.report(ask(tiny, MODELS))
    largest = next(row for row in report.sets if row.models)
    at.button(key=f"upset: {' + '.join(largest.models)}").click().run()
    assert set(at.query_params["found"].split(",")) == set(largest.models)
    assert not at.exception


def test_a_point_of_the_leaderboard_opens_explore(app, tiny, as_buttons, monkeypatch):
    monkeypatch.setattr(costs, "measure", lambda *_: None)
    evaluation.run(LeaderboardQuestion((tiny,), ("color",)))
    at = at_address(app, "leaderboard", collection=tiny, cost="dim", processing="none", rows="all")
    at.button(key="leaderboard_scatter: color, l1").click().run()
    assert not at.exception
    assert at.title[0].value == "Explore"
    assert (at.query_params["models"], at.query_params["metric"]) == ("color", "l1")


def test_a_point_of_combine_opens_explore(app, tiny, as_buttons):
    at = at_address(app, "combine", collection=tiny, models=",".join(MODELS), missing="worst")
    point = next(b for b in at.button if b.key.startswith("by_size: sum | ") and " + " in b.key)
    members = point.key.removeprefix("by_size: sum | ").split(" + ")
    point.click().run()
    assert not at.exception
    assert at.title[0].value == "Explore"
    assert at.query_params["models"] == ",".join(members)
    assert at.query_params["combine"] == "sum"
    assert at.query_params["missing"] == "worst", "the numbers of the point depend on it"


def test_a_cell_opens_compare_on_a_pair_that_divides_the_two(app, hard_pairs, as_buttons):
    at = at_address(app, "combine", collection=hard_pairs, models="hog,color")
    at.session_state["combine_tabs"] = "Complementarity"
    at.run()
    question = Question(hard_pairs, ask(hard_pairs, ["hog", "color"]).recipes)
    found = exclusive.found_and_missed(
        question, found=["color"], missed=["hog"], order="disagreement"
    )
    at.button(key="alike: hog | color").click().run()
    assert not at.exception
    if found:
        assert at.title[0].value == "Compare"
        assert at.query_params["first"] == f"left:{found[0].query}"
        assert at.query_params["models"] == "hog,color"
    else:
        assert "misses no pair" in at.error[0].value


@pytest.fixture
def hard_pairs(tmp_path, cache, draw):
    """Pairs that hog and color find in part: mates share colors, or shapes."""
    from PIL import ImageOps

    from simcore.lab.library import collections, extraction

    for side in ("left", "right"):
        (tmp_path / "mixed" / side).mkdir(parents=True)
    for seed, name in enumerate("abcdef"):
        picture = draw(seed)
        picture.save(tmp_path / "mixed" / "left" / f"{name}.png")
        mate = ImageOps.grayscale(picture) if seed % 2 else ImageOps.flip(picture)
        mate.save(tmp_path / "mixed" / "right" / f"{name}.png")
    collections.add("pairs", tmp_path / "mixed", name="mixed")
    extraction.extract("mixed", ["hog", "color"])
    return "mixed"


def test_compare_picks_a_picture_by_its_thumbnail(app, tiny, as_buttons):
    at = at_address(
        app, "compare", collection=tiny, models="layout", first="left:c", second="right:e"
    )
    at.button(key="compare_second_grid: right b").click().run()
    assert not at.exception
    assert (at.query_params["first"], at.query_params["second"]) == ("left:c", "right:b")
    at.text_input(key="compare_first_find").set_value("zz").run()
    assert "No id contains" in at.info[0].value
