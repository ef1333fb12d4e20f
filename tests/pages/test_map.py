"""The Map page: its address, what it says, and the choice that comes back from the browser."""

import csv
import io
from dataclasses import replace

import pytest

from simcore.errors import BadDataError, UnknownNameError
from simcore.lab.library import collections, extraction, selections, subsets
from simcore.lab.search import map_colors, maps, search
from simcore.recipe import Question
from simcore.ui import components, gallery
from simcore.ui.map import map_canvas
from tests.pages.test_analysis_pages import at_address, words


@pytest.fixture
def drawn(monkeypatch):
    """What the component was given, run after run."""
    seen = []
    drawn = replace(components.MAP, mount=lambda **given: seen.append(given["data"]))
    monkeypatch.setattr(components, "MAP", drawn)
    return seen


def test_the_map_of_a_link(app, tiny, drawn):
    at = at_address(
        app,
        "map",
        collection=tiny,
        models="hog,color",
        map="zsum",
        method="pca",
        color="rank",
        second="color",
        method2="pca",
    )
    assert not at.exception
    assert not at.error
    data = drawn[-1]
    assert [one["title"] for one in data["maps"]] == ["z-sum of 2", "color"]
    assert data["ids"] == [*"abcdef", *"abcdef"]
    assert (data["left"], data["mates"]) == (6, True)
    for one in data["maps"]:
        assert len(one["x"]) == len(one["y"]) == len(one["color"]) == 12
        assert max(one["x"] + one["y"]) <= map_canvas.FULL
        assert sum(group["count"] for group in one["legend"]) == 12
        assert max(one["color"]) < len(one["legend"])
    assert at.query_params["map"] == "zsum"
    assert at.query_params["second"] == "color"
    assert "Download as CSV" not in [b.label for b in at.get("download_button")]


def test_bad_words_in_a_link_are_named_or_dropped(app, tiny, drawn):
    at = at_address(
        app, "map", collection=tiny, map="<script>", method="9", color="zzz", second="../.."
    )
    assert not at.exception
    assert not at.error
    assert "zzz" in words(at)
    assert at.query_params["map"] == "hog"
    assert at.query_params["second"] == "none"
    assert drawn


@pytest.mark.slow
def test_a_slow_map_waits_for_a_word(app, tiny, drawn):
    at = at_address(app, "map", collection=tiny, models="hog", method="umap")
    assert not at.exception
    assert not drawn
    assert "Compute this map" in [button.label for button in at.button]
    maps.make(Question(tiny, (maps.single_recipe(["hog"]),)), maps.projection_settings("umap"))
    at.run()
    assert drawn[-1]["maps"][0]["sub"] == "UMAP"


def test_what_comes_from_the_browser_is_checked(app, tiny, drawn, monkeypatch):
    asked = [3, 9, 0, -1, 12, "1", 2.0, True, 3]
    monkeypatch.setattr(map_canvas.st, "session_state", {"k": {"chosen": asked}})
    assert map_canvas.selected("k", 12) == [0, 3, 9]
    monkeypatch.setattr(map_canvas.st, "session_state", {"k": {"chosen": "x"}})
    assert map_canvas.selected("k", 12) == []


def test_without_a_route_the_pictures_that_are_asked_for_travel_inside(app, tiny, drawn):
    at = at_address(app, "map", collection=tiny, models="hog")
    assert (drawn[-1]["base"], drawn[-1]["thumbs"]) == ("", {})
    first, second = collections.open_(tiny).left.keys[:2]
    at.session_state["map_canvas_tiny_all_sent"] = dict.fromkeys([first, second, "../secret"])
    at.run()
    assert set(drawn[-1]["thumbs"]) == {first, second}
    assert drawn[-1]["thumbs"][first].startswith("data:image/webp;base64,")


def test_chosen_pictures_are_shown_and_counted(app, tiny, drawn, monkeypatch):
    monkeypatch.setattr("simcore.ui.map.map_canvas.selected", lambda _key, _count: [1, 4, 7])
    at = at_address(app, "map", collection=tiny, models="hog")
    assert not at.exception
    said = " ".join(element.value for element in at.markdown)
    assert "**3** selected: 2 left, 1 right, 1 pair." in said
    found = maps.make(
        Question(tiny, (maps.single_recipe(["hog"]),)), maps.projection_settings("pca")
    )
    rows = list(csv.DictReader(io.StringIO(found.to_table([1, 4, 7]).to_csv())))
    assert [(row["side"], row["id"]) for row in rows] == [
        ("left", "b"),
        ("left", "e"),
        ("right", "b"),
    ]


def test_a_selection_becomes_a_subset_that_evaluations_accept(app, tiny, drawn, monkeypatch):
    chosen = [1, 4, 7]
    monkeypatch.setattr("simcore.ui.map.map_canvas.selected", lambda _key, _count: chosen)
    at = at_address(app, "map", collection=tiny, models="hog")
    at.text_input(key="map_selection_name").set_value("Odd Name").run()
    at.button(key="map_selection_save").click().run()
    assert "not a valid name" in at.error[0].value.replace("\\", "")
    at.text_input(key="map_selection_name").set_value("odd").run()
    at.button(key="map_selection_save").click().run()
    assert not at.exception
    assert not at.error
    assert subsets.open_subset(tiny, "selection:odd").left.ids == ("b", "e")
    at = at_address(app, "evaluate", collection=tiny, models="hog", subset="selection:odd")
    assert not at.exception
    assert not at.error
    assert at.query_params["subset"] == "selection:odd"
    selections.remove(tiny, "selection:odd")
    with pytest.raises(UnknownNameError, match="odd"):
        subsets.open_subset(tiny, "selection:odd")


def test_one_point_shows_its_neighbors_under_the_maps_recipe(app, tiny, drawn, monkeypatch):
    monkeypatch.setattr("simcore.ui.map.map_canvas.selected", lambda _key, _count: [7])
    rows = []
    monkeypatch.setattr(gallery, "comparison", lambda _q, _m, given, **_more: rows.extend(given))
    at = at_address(app, "map", collection=tiny, models="hog,color", map="zsum")
    assert not at.exception
    recipe = maps.single_recipe(["hog", "color"], "zsum")
    (hits,) = search.search(Question(tiny, (recipe,), "rl"), search.Query(id="b"), k=10)
    assert [tile["id"] for tile in rows[-1]["tiles"]] == list(hits.ids)


def test_pictures_without_mates_have_a_map(app, pairs_folder, drawn):
    collections.add("images", pairs_folder / "left", name="lone")
    extraction.extract("lone", ["hog"])
    at = at_address(app, "map", collection="lone", color="rank")
    assert not at.exception
    assert not at.error
    assert drawn[-1]["mates"] is False
    assert drawn[-1]["maps"][0]["legend"][0]["name"] == "cluster 1"
    assert "No data on “rank of the mate”" in at.info[0].value


def test_colourings_are_the_tables_columns(tiny):
    found = maps.make(
        Question(tiny, (maps.single_recipe(["color"]),)), maps.projection_settings("pca")
    )
    ranks = found.ranks()
    first = map_colors.groups(found, "found")
    assert first.counts == (int((ranks == 1).sum()), int((ranks > 1).sum()))
    rank = map_colors.groups(found, "rank")
    assert rank.names == ("rank 1", "2 to 5", "6 to 20", "21 to 100", "beyond 100")
    assert rank.group == tuple(0 if r == 1 else 1 if r <= 5 else 2 for r in ranks)
    assert sum(map_colors.groups(found, "cluster").counts) == 12
    with pytest.raises(UnknownNameError, match="Did you mean side"):
        map_colors.groups(found, "sid")
    with pytest.raises(BadDataError, match="extract tiny --models face"):
        map_colors.groups(found, "faces")
