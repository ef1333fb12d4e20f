"""The Compare page: its address, its numbers, its pictures, under AppTest."""

from dataclasses import replace

import pytest

from simcore.lab import recipes
from simcore.lab.search import pair, why
from simcore.recipe import Question
from simcore.ui import components, sidebar
from simcore.ui.compare import why_view
from tests.pages.test_analysis_pages import at_address, words


@pytest.fixture
def drawn(monkeypatch):
    """What the component was given, run after run."""
    seen = []
    drawn = replace(components.REGIONS, mount=lambda **given: seen.append(given["data"]))
    monkeypatch.setattr(components, "REGIONS", drawn)
    return seen


def test_a_link_opens_its_two_pictures(app, tiny, drawn):
    at = at_address(
        app, "compare", collection=tiny, models="layout,hog", first="left:b", second="right:e"
    )
    assert not at.exception
    assert not at.error
    assert (at.query_params["first"], at.query_params["second"]) == ("left:b", "right:e")
    question = Question(tiny, tuple(recipes.parse(["layout", "hog"])))
    rows = pair.table(
        question, pair.open_picture(tiny, "left", "b"), pair.open_picture(tiny, "right", "e")
    ).rows
    best = max(rows, key=lambda row: row.above)
    assert any(f"**{best.backbone}** finds them most similar" in m.value for m in at.markdown)
    shown = next(d.value for d in at.dataframe)
    assert shown["similarity"].tolist() == pytest.approx([r.similarity for r in rows], abs=1e-4)
    assert "layout has no feature maps" in at.info[0].value.replace("\\", "")


def test_hiding_parts(app, tiny, drawn):
    at = at_address(
        app, "compare", collection=tiny, models="layout", first="left:b", second="right:b"
    )
    at.session_state["compare_view"] = "occlusion"
    at.run()
    assert not at.exception
    data = drawn[-1]
    assert data["sides"][0]["rows"] == data["sides"][0]["columns"] == 7
    assert len(data["sides"][0]["heat"]) == len(data["sides"][0]["words"]) == 49
    assert data["sides"][0]["name"] == "left b"


def test_bad_words_in_a_link_are_named(app, tiny, drawn):
    at = at_address(
        app, "compare", collection=tiny, models="layout", first="up:<b>", second="right:zz"
    )
    assert not at.exception
    assert "up:<b>" in words(at)
    assert at.query_params["first"] == "left:a"
    assert at.query_params["second"] == "right:a"


def test_buttons(app, tiny, drawn):
    at = at_address(
        app, "compare", collection=tiny, models="layout", first="left:c", second="right:e"
    )
    next(b for b in at.button if b.label == "Mate of the first").click().run()
    assert at.query_params["second"] == "right:c"
    next(b for b in at.button if b.label == "Random pair").click().run()
    assert at.query_params["first"].split(":")[1] == at.query_params["second"].split(":")[1]
    assert not at.exception


def test_why_is_one_sentence_with_a_crop_that_can_be_changed(app, tiny, drawn, monkeypatch):
    crops = []
    component = replace(components.CROP, mount=lambda **given: crops.append(given["data"]["crop"]))
    monkeypatch.setattr(components, "CROP", component)
    link = {"collection": tiny, "models": "layout,color", "first": "left:b", "second": "right:e"}
    at = at_address(app, "compare", **link, backbone="layout", view="why")
    assert not at.exception
    assert "not the known mate" in words(at)
    link["second"] = "right:b"
    at = at_address(app, "compare", **link, backbone="layout", view="why")
    assert not at.error
    assert any(m.value.startswith("**layout** ranks the mate first") for m in at.markdown)
    assert at.query_params["backbone"] == "layout"
    at = at_address(app, "compare", **link | {"second": "right:b"}, view="why", crop="0,0,60,100")
    assert crops[-1] == [0, 0, 0.6, 1]
    assert any("With this crop: rank" in m.value for m in at.markdown)
    at = at_address(app, "compare", **link, view="why", crop="0,0,5,100")
    assert "Draw a larger one" in words(at)


def test_the_sentence_names_what_matched_and_what_misled():
    crop = why.CropRank(why.Crop(top=0.2, bottom=0.8), 37, 0.5)
    part = why.PartRank(why.Crop(0.8, 0, 1, 0.2), 120, 0.4)
    places = ((0.1, 0.5), (0.5, 0.5))
    reason = why.Why("color", 499, 1000, "edges", 3, places, misleading=part, crop=crop)
    assert why_view.sentence(reason) == (
        "edges (rank 3) matched the top with the center; **color** was misled by the bands at "
        "top and bottom: without them, rank **499 → 37** of 1,000; by the bottom left: with it "
        "occluded, rank 120."
    )
    assert why_view.sentence(replace(reason, misleading=replace(part, rank=20))) == (
        "edges (rank 3) matched the top with the center; **color** was misled by the bottom left: "
        "with it occluded, rank **499 → 20** of 1,000; by the bands at top and bottom: without "
        "them, rank 37."
    )
    needed = why.PartRank(why.Crop(0, 0, 0.2, 0.2), 40, 0.1)
    by_hand = why.Why("color", 499, 1000, "hog", 3, needed=needed)
    assert why_view.sentence(by_hand) == (
        "hog (rank 3) needs the top left, without which the mate is at rank 40; **color** ranks it "
        "499 of 1,000, and no crop or occluded part helps."
    )
    assert why_view.sentence(replace(by_hand, needed=None, misleading=part)) == (
        "hog ranks the mate 3; **color** was misled by the bottom left: with it occluded, rank "
        "**499 → 120** of 1,000."
    )
    alone = why.Why("hog", 3, 1000, "hog", 3, needed=needed, crop=crop)
    assert why_view.sentence(alone).startswith("**hog** needs the top left, without which")
    assert ", but was misled by the bands" in why_view.sentence(alone)
    first = why.Why("hog", 1, 1000, "hog", 1, needed=needed)
    assert why_view.sentence(first) == (
        "**hog** ranks the mate first: it needs the top left, without which the mate is at rank 40."
    )


def test_pages_start_with_the_same_image():
    assert sidebar.first_image("emoji", ["copyright", "mushroom"]) == "mushroom"
    assert sidebar.first_image("emoji", ["copyright"]) == "copyright"
    assert sidebar.first_image("tiny", ["a", "mushroom"]) == "a"
