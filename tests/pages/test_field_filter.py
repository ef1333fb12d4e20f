"""The filter by fields, on Explore and on the map, from a link and as typed."""

from dataclasses import replace

import numpy as np
import pytest

from simcore.lab.library import collections, extraction
from simcore.ui import components
from tests.pages.test_analysis_pages import at_address, words


@pytest.fixture
def listed(pairs_folder) -> str:
    kinds = ("face", "face", "cat", "", "cat", "face")
    rows = [f"left/{n}.png,right/{n}.png,{kind}" for n, kind in zip("abcdef", kinds, strict=True)]
    (pairs_folder / "pairs.csv").write_text("\n".join(["left,right,category", *rows]))
    collections.add("pairs", pairs_folder / "pairs.csv", name="listed")
    extraction.extract("listed", ["hog"])
    return "listed"


def names_with_points(data):
    return [group["name"] for group in data["maps"][0]["legend"] if group["count"]]


def test_the_map_shows_and_colors_what_fits(app, listed, monkeypatch):
    seen = []
    drawn = replace(components.MAP, mount=lambda **given: seen.append(given["data"]))
    monkeypatch.setattr(components, "MAP", drawn)
    link = {"collection": listed, "models": "hog", "method": "pca", "color": "field:category"}
    at = at_address(app, "map", **link, where="category = 'face'")
    assert not at.exception
    ids = np.array(seen[-1]["ids"])
    assert ids[np.array(seen[-1]["out"]) == 0].tolist() == ["a", "b", "f"] * 2
    assert names_with_points(seen[-1]) == ["face"]
    (box,) = [one for one in at.text_input if one.label == "Filter"]
    box.set_value("category is not null").run()
    assert len(seen[-1]["ids"]) == 12
    assert seen[-1]["out"].count(0) == 10
    assert names_with_points(seen[-1]) == ["face", "cat"]
    assert at.query_params["where"] == "category is not null"
    box.set_value("categori = 'face'").run()
    assert "Did you mean category" in words(at)
    assert not at.exception


def test_explore_filters_its_results(app, listed):
    at = app(collection=listed, models="hog", query="a", where="category = 'cat'")
    at.run()
    assert not at.exception
    _, results = at.session_state["_explore_results"]
    assert sorted(results["hog"].ids) == ["c", "e"]


def test_a_collection_without_fields_has_no_filter(app, tiny):
    at = app(collection=tiny, models="hog", where="x = 1")
    at.run()
    assert not at.exception
    assert not [one for one in at.text_input if one.label == "Filter"]
