"""Map's morph, filters, names of clusters and own image, as the component gets them."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from simcore.errors import SimError
from simcore.lab.library import collections, extraction
from simcore.lab.people import review
from simcore.lab.search import maps, morph
from simcore.recipe import Question
from simcore.ui import components, gallery, uploads
from simcore.ui.map import map_canvas, map_photo
from tests.pages.test_analysis_pages import at_address, words

MORPH = {"models": "hog,color", "view": "morph", "method": "pca"}


@pytest.fixture
def drawn(monkeypatch):
    """What the component was given, run after run."""
    seen = []
    component = replace(components.MAP, mount=lambda **given: seen.append(given["data"]))
    monkeypatch.setattr(components, "MAP", component)
    return seen


def said(at):
    return " ".join(element.value for element in at.markdown).replace("\\", "")


def test_a_morph_of_a_link(app, tiny, drawn):
    at = at_address(app, "map", collection=tiny, **MORPH)
    assert not at.exception
    assert not at.error
    data = drawn[-1]
    assert data["morph"] is True
    assert [stop["title"] for stop in data["maps"]] == ["hog", "color", "z-sum of 2"]
    assert at.query_params["color"] == "found"
    legends = [stop["legend"] for stop in data["maps"]]
    assert {legend[0]["color"] for legend in legends} == {"#009E73"}, "mate first"
    assert [legend[1]["quiet"] for legend in legends] == [True] * 3
    result = morph.make(
        Question(tiny, morph.stops(["hog", "color"])), maps.projection_settings("pca")
    )
    assert [stop["note"] for stop in data["maps"]] == [f"{s.at_rank_1} first" for s in result.stops]
    # One frame for all: distances in pixels are those of the aligned maps, up to one factor.
    factors = []
    for stop, view in zip(data["maps"], result.maps, strict=True):
        pixels = np.stack([stop["x"], stop["y"]], axis=1).astype(float)
        factors.append(
            np.linalg.norm(pixels[0] - pixels[7]) / np.linalg.norm(view.xy[0] - view.xy[7])
        )
    np.testing.assert_allclose(factors, factors[0], rtol=2e-3)
    assert "--morph" in at.code[0].value


def test_one_backbone_has_no_morph(app, tiny, drawn):
    at = at_address(app, "map", collection=tiny, models="hog", view="morph", method="pca")
    assert not at.exception
    assert not at.error
    assert "morph" in words(at)
    assert drawn[-1]["morph"] is False


def test_missing_maps_are_a_job_and_the_ready_ones_are_shown(app, tiny, drawn, monkeypatch):
    settings = maps.projection_settings("tsne")
    started = []
    link = {"models": "hog,color,layout", "view": "morph", "method": "tsne"}
    extraction.extract(tiny, ["layout"])
    asked = Question(tiny, morph.stops(["hog", "color", "layout"]))
    at = at_address(app, "map", collection=tiny, **link)
    assert not at.exception
    assert not drawn
    assert "4 of 4 maps by t-SNE" in said(at)
    for recipe in asked.recipes[:2]:
        maps.make(asked.with_recipes(recipe), settings)
    at = at_address(app, "map", collection=tiny, **link)
    assert "2 of 4 maps by t-SNE" in said(at)
    assert [stop["title"] for stop in drawn[-1]["maps"]] == ["hog", "color"]
    monkeypatch.setattr("simcore.ui.actions._start", started.append)
    next(button for button in at.button if button.label == "Compute these maps").click().run()
    assert started == [("map", tiny, "--models", "hog,color,layout", "--morph", "--method", "tsne")]
    morph.make(asked, settings)
    at.run()
    assert len(drawn[-1]["maps"]) == 4
    assert "not computed yet" not in said(at)


def test_the_stop_of_the_browser_is_checked(monkeypatch):
    state = {}
    monkeypatch.setattr(map_canvas.st, "session_state", state)
    for sent in (0, 2):
        state["k"] = {"stop": sent}
        assert map_canvas.current_stop("k", 3) == sent
    for sent in (3, -1, "1", True, 1.0, None):
        state["k"] = {"stop": sent}
        assert map_canvas.current_stop("k", 3) is None
    assert map_canvas.current_stop("other", 3) is None


def test_a_link_opens_a_morph_at_a_stop(app, tiny, drawn):
    at = at_address(app, "map", collection=tiny, **MORPH)
    assert drawn[-1]["at"] is None, "it plays from the first map to the last"
    assert "stop" not in at.query_params
    for number, stop in enumerate(("hog", "color", "zsum")):
        at = at_address(app, "map", collection=tiny, **MORPH, stop=stop)
        assert not at.exception
        assert not at.warning
        assert drawn[-1]["at"] == number
        assert at.query_params["stop"] == stop
    at = at_address(app, "map", collection=tiny, **MORPH, stop="layout")
    assert drawn[-1]["at"] is None
    assert "layout" in at.warning[0].value
    at = at_address(app, "map", collection=tiny, **MORPH, stop="color")
    at.session_state["map_view"] = "map"
    at.run()
    assert "stop" not in at.query_params, "one map has no stops"


def test_a_stop_is_known_by_its_name(app, tiny, drawn):
    at = at_address(app, "map", collection=tiny, **MORPH, stop="color")
    at.session_state["map_models_tiny"] = ["color", "hog"]
    at.run()
    assert not at.exception
    assert [stop["title"] for stop in drawn[-1]["maps"]][drawn[-1]["at"]] == "color"


def test_neighbors_are_those_of_the_stop(app, tiny, drawn, monkeypatch):
    monkeypatch.setattr(map_canvas, "selected", lambda _key, _count: [7])
    rows = []
    monkeypatch.setattr(gallery, "comparison", lambda _q, _m, given, **_more: rows.extend(given))
    at = at_address(app, "map", collection=tiny, **MORPH, stop="color")
    assert not at.exception
    assert rows[-1]["sub"] == "color"


def test_a_prepared_umap_is_what_opens(app, tiny, drawn, monkeypatch):
    at = at_address(app, "map", collection=tiny, models="hog")
    assert at.query_params["method"] == "pca"
    monkeypatch.setattr("simcore.sim.projection.umap", lambda _graph, start, *_a, **_k: start)
    maps.make(Question(tiny, (maps.single_recipe(["hog"]),)), maps.projection_settings("umap"))
    at = at_address(app, "map", collection=tiny, models="hog")
    assert at.query_params["method"] == "umap"
    assert drawn[-1]["maps"][0]["sub"] == "UMAP"


def test_a_tag_filters_the_points_of_the_same_map(app, tiny, drawn):
    at = at_address(app, "map", collection=tiny, models="hog")
    assert "Tag" not in [box.label for box in at.selectbox]
    assert drawn[-1]["out"] is None
    before = drawn[-1]["maps"][0]
    review.add_review(tiny, "b", "ada", "tag", "shape")
    at = at_address(app, "map", collection=tiny, models="hog", tag="shape")
    assert not at.exception
    assert [row for row, out in enumerate(drawn[-1]["out"]) if not out] == [1, 7]
    assert drawn[-1]["maps"][0]["x"] == before["x"]
    assert [group["count"] for group in drawn[-1]["maps"][0]["legend"]] == [1, 1]
    assert at.query_params["tag"] == "shape"
    at = at_address(app, "map", collection=tiny, models="hog", tag="no tag")
    assert sum(drawn[-1]["out"]) == 2


@pytest.fixture
def worded(tmp_path, draw):
    """Images with words in their ids and a table of fields."""
    folder = tmp_path / "worded"
    folder.mkdir()
    lines = ["path,kind"]
    for number in range(8):
        kind = ("apple", "ocean")[number % 2]
        draw(number).save(folder / f"{kind}-{number}.png")
        lines.append(f"{kind}-{number}.png,{kind}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    collections.add("images", folder / "table.csv", name="worded")
    extraction.extract("worded", ["hog"])
    return "worded"


def test_a_field_filters_the_points_of_the_same_map(app, worded, drawn):
    at = at_address(app, "map", collection=worded, color="field:kind")
    before = drawn[-1]["maps"][0]
    at = at_address(app, "map", collection=worded, color="field:kind", where="kind = 'ocean'")
    assert not at.exception
    assert not at.error
    assert drawn[-1]["out"] == [1, 0] * 4
    assert drawn[-1]["maps"][0]["x"] == before["x"]
    legend = {group["name"]: group["count"] for group in drawn[-1]["maps"][0]["legend"]}
    assert legend == {"apple": 0, "ocean": 4}
    assert "--where" not in at.code[0].value, "the map does not depend on the filter"
    at = at_address(app, "map", collection=worded, where="kind = 'sky'")
    assert "No image" in at.error[0].value


def test_clusters_are_named_by_words(app, worded, drawn):
    at = at_address(app, "map", collection=worded)
    assert at.query_params["names"] == "field:kind"
    named = drawn[-1]["maps"][0]["words"]
    assert {word["text"] for word in named} <= {"apple", "ocean"}
    for word in named:
        assert (word["x"], word["y"]) in zip(
            drawn[-1]["maps"][0]["x"], drawn[-1]["maps"][0]["y"], strict=True
        )
    at_address(app, "map", collection=worded, names="none")
    assert drawn[-1]["maps"][0]["words"] == []


def test_an_own_image_is_placed_on_every_stop(app, tiny, drawn, encode, draw, monkeypatch):
    rows = []
    monkeypatch.setattr(gallery, "comparison", lambda _q, _m, given, **_more: rows.extend(given))
    at = at_address(app, "map", collection=tiny, **MORPH)
    assert drawn[-1]["photo"] is None
    at.session_state[map_photo.STATE] = map_photo.Photo("me.png", encode(draw(50)))
    at.run()
    assert not at.exception
    photo = drawn[-1]["photo"]
    assert photo["src"].startswith("data:image/webp;base64,")
    assert len(photo["places"]) == 3
    for place, stop in zip(photo["places"], drawn[-1]["maps"], strict=True):
        assert min(stop["x"]) <= place["x"] <= max(stop["x"])
        assert len(place["near"]) == 5
    assert rows[-1]["title"] == "Nearest to me.png"
    assert rows[-1]["sub"] == "z-sum of 2"


def test_what_is_dropped_is_checked(monkeypatch, encode, draw, cache):
    state = {}
    monkeypatch.setattr(map_canvas.st, "session_state", state)
    errors = []
    monkeypatch.setattr("simcore.ui.actions.show_error_later", errors.append)

    def drop(data, name="me.png"):
        errors.clear()
        state["k"] = {"photo": {"name": name, "data": data}}
        map_photo.receive("k", 0)
        return state.get(map_photo.STATE)

    image = encode(draw(1))
    sent = base64.b64encode(image).decode()
    assert drop(sent).data == image
    assert drop("") is None, "an empty image takes the last one off"
    assert errors == []
    for wrong in (base64.b64encode(b"no image").decode(), "%%%", 7, {"a": 1}, sent + "é"):
        assert drop(wrong) is None
        assert "me.png is left out" in errors[0]
    monkeypatch.setattr(uploads, "MAX_MB", 0)
    assert drop(sent) is None
    assert "limit is 0 MB" in errors[0]
    state["k"] = {"photo": "x"}
    map_photo.receive("k", 0)
    with pytest.raises(SimError, match="image is left out"):
        map_photo.decode({"data": "%"}, 0)


def test_an_export_opens_at_the_stop_and_asks_no_server(app, tiny, drawn, monkeypatch):
    blocks = {}
    monkeypatch.setattr("simcore.ui.page_export.add", lambda key, make: blocks.update({key: make}))
    at = at_address(app, "map", collection=tiny, **MORPH, stop="color")
    assert not at.exception
    (block,) = blocks["map_canvas_tiny_all"]()
    content = json.loads(block.html.split(">", 2)[2].rsplit("</script>", 1)[0])
    assert content["data"]["at"] == 1
    assert content["data"]["photos"] == 0
    assert all(image.startswith("data:") for image in content["data"]["thumbs"].values())
    assert "class Morph" in base64.b64decode(content["js"]).decode()
